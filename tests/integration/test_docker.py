"""The container's files, as far as they can be tried without a container."""

from __future__ import annotations

import os
import re
import shutil
import site
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from brokers import free_port
from tidelog_service import config

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
HEALTH = DOCKER / "health.py"


def compose() -> Any:
    return yaml.safe_load((DOCKER / "compose.yaml").read_text("utf8"))


def dockerfile() -> list[str]:
    """Its instructions, each in one line."""
    text = (DOCKER / "Dockerfile").read_text("utf8").replace("\\\n", " ")
    return [" ".join(line.split()) for line in text.splitlines() if line and not line.startswith("#")]


def copied(instructions: list[str]) -> list[str]:
    """What COPY takes from the repository."""
    return [name for line in instructions if line.startswith("COPY ") for name in line.split()[1:-1]]


def test_everything_that_compose_names_exists() -> None:
    parts = compose()
    for service in parts["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert (DOCKER / source).is_file() if source.startswith(".") else source in parts["volumes"]
        for secret in service.get("secrets", ()):
            assert secret in parts["secrets"]
    build = parts["services"]["service"]["build"]
    assert ((DOCKER / build["context"]).resolve() / build["dockerfile"]).is_file()


def test_both_containers_see_mosquittos_files_at_the_same_path() -> None:
    """The paths in mosquitto.conf are the service's."""
    service, broker = (compose()["services"][name] for name in ("service", "broker"))
    folder = broker["environment"]["TIDELOG_MOSQUITTO"]
    assert service["environment"]["TIDELOG_BROKER__MOSQUITTO_FOLDER"] == folder
    assert f"mosquitto:{folder}" in service["volumes"]
    assert f"mosquitto:{folder}" in broker["volumes"]


def test_both_containers_run_under_the_account_of_the_password_file() -> None:
    (user,) = {re.search(r"--uid (\d+)", line)[1] for line in dockerfile() if "useradd" in line}  # type: ignore[index]  # it must match
    assert compose()["services"]["broker"]["user"] == f"{user}:{user}"


@pytest.mark.parametrize(
    "where",
    [
        "compose",
        "Dockerfile",
    ],
)
def test_only_keys_that_exist_are_set(where: str) -> None:
    if where == "compose":
        names = set(compose()["services"]["service"]["environment"])
    else:
        names = set(re.findall(r"TIDELOG_\w+(?==)", "\n".join(dockerfile())))
    known = {config.variable(section, key) for section, key, _ in config.declared()}
    assert names
    assert {name.removesuffix("_FILE") for name in names} <= known


def test_everything_that_the_image_copies_exists_and_is_not_ignored() -> None:
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text("utf8").splitlines()
    local = [line for line in dockerfile() if not line.startswith("COPY --from")]
    for name in copied(local):
        assert (ROOT / name).exists()
        assert f"!{name}" in ignored


def test_the_image_does_not_run_as_root() -> None:
    last_stage = "\n".join(dockerfile()).split("FROM ")[-1].splitlines()
    users = [line for line in last_stage if line.startswith("USER ")]
    assert users == ["USER tidelog"]
    assert last_stage.index("USER tidelog") < last_stage.index('ENTRYPOINT ["tidelog"]')


@pytest.mark.timeout(300)
def test_what_the_image_copies_builds_a_wheel_that_works(tmp_path: Path) -> None:
    """The build stage's command on the build stage's files, and the command from a new environment."""
    source, wheels = tmp_path / "src", tmp_path / "wheels"
    source.mkdir()
    instructions = dockerfile()
    build_stage = instructions[: instructions.index("FROM python:3.11-slim")]
    for name in copied(build_stage):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    assert "RUN pip wheel --no-cache-dir --wheel-dir /wheels '.[service]'" in build_stage
    pip_wheel = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(wheels),
        ".",
    ]
    built = subprocess.run(pip_wheel, cwd=source, capture_output=True, text=True, check=False)
    if "No matching distribution" in built.stderr and os.environ.get("CI") != "true":
        pytest.skip("no package index to build with")
    assert built.returncode == 0, built.stderr
    _assert_command_works(tmp_path / "venv", wheels)


def _assert_command_works(environment: Path, wheels: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    (wheel,) = wheels.glob("tidelog-*.whl")
    python = environment / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--python", str(python), "install", "--no-deps", str(wheel)],
        check=True,
    )
    # Dependencies come from this environment; as a plain path, so that its editable Tidelog does not.
    variables = {"PYTHONPATH": os.pathsep.join(site.getsitepackages()), "PATH": os.environ["PATH"]}
    shown = subprocess.run(
        [str(environment / "bin" / "tidelog"), "serve", "--help"],
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--data" in shown.stdout
    where = [str(python), "-c", "import tidelog_service.runner as it; print(it.__file__)"]
    found = subprocess.run(where, env=variables, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(str(environment))


def health(**variables: str) -> int:
    return subprocess.run(
        [sys.executable, str(HEALTH)], env=variables, stderr=subprocess.DEVNULL, check=False
    ).returncode


def test_the_health_check_asks_the_broker_that_the_service_uses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert health(TIDELOG_BROKER__URL=f"mqtt://127.0.0.1:{port}") == 0
        assert health(TIDELOG_BROKER__PORT=str(port)) == 0


def test_the_health_check_fails_without_a_broker() -> None:
    assert health(TIDELOG_BROKER__URL=f"mqtt://127.0.0.1:{free_port()}") == 1
    assert health(TIDELOG_BROKER__PORT=str(free_port())) == 1
