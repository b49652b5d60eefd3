"""The README's commands and code, word for word, as a new user would run them; and every link in the docs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers import free_port

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf8")
DOCS = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def blocks(info: str) -> list[str]:
    """The fenced blocks of the README with this info string."""
    return re.findall(rf"^```{re.escape(info)}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """What `make run` serves, in a folder of its own, on a free port."""
    recipe = subprocess.run(
        ["make", "--no-print-directory", "-n", "run"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()[-1]
    assert recipe == ".venv/bin/tidelog serve --data data --port 1883 --demo-users"
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    port = free_port()
    process = subprocess.Popen(
        recipe.replace("1883", str(port)).split(), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process, process.stdout as lines:
        assert "ready" in lines.readline()
        yield tmp_path, port
        process.terminate()
        assert process.wait(20) == 0


def test_the_tour(served: tuple[Path, int]) -> None:
    folder, port = served
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder / "config"), "HOME": str(folder)}
    script = "set -euo pipefail\n" + "".join(blocks("sh tour"))
    ran = subprocess.run(
        ["bash", "-c", script.replace("1883", str(port))],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("low tide at noon") >= 2
    assert "written in a tunnel" in ran.stdout
    assert "[edited] low tide at one" in ran.stdout
    assert "1 record would come" in ran.stdout
    assert "complete and equal" in ran.stdout


def test_the_python_example(served: tuple[Path, int]) -> None:
    folder, port = served
    tidelog = folder / ".venv" / "bin" / "tidelog"
    added = subprocess.run(
        [tidelog, "device", "add", "alice", "a1phone", "--data", "data"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    secret = re.search(r"\S{20,}", added.stdout)
    assert secret is not None
    (code,) = blocks("python tour")
    program = code.replace("1883", str(port)).replace("SECRET", repr(secret.group()))
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stdout) == (0, "2 alice hello all\n"), ran.stderr


def test_setup_says_that_it_installs_before_it_is_quiet() -> None:
    recipe = subprocess.run(
        ["make", "--no-print-directory", "-n", "-W", "pyproject.toml", "setup"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert recipe[0] == 'echo "installing into .venv (once, about half a minute)"'
    assert any("pip install" in line for line in recipe[1:])


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf8")):
        assert (page.parent / target).exists(), target
