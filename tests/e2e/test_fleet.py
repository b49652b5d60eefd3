"""A small fleet over real brokers, from provisioning to the verdict."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stacks import Stack
from tidelog_cli.commands.fleet import ServiceDeployment
from tidelog_fleet.crew import Crew
from tidelog_fleet.plan import Rhythm
from tidelog_fleet.run import Fleet, Scenario
from tidelog_fleet.texts import built_in
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.database import open_database

WAIT_S = 110
TIDELOG = (sys.executable, "-m", "tidelog_cli")
EVENTFUL = Rhythm(
    weights=(("talk", 30), ("tunnel", 15), ("torn", 10), ("restart", 10), ("wipe", 10), ("trespass", 5)),
    arrival_s=(0.0, 0.3),
    pause_s=(0.05, 0.4),
    outage_s=(0.1, 0.5),
    absence_s=(0.0, 0.3),
    torn_bytes=(1, 400),
)
"""Everything that can happen, within seconds."""

SABOTAGED = """
import sys
from dataclasses import replace
from tidelog_cli.app import run
from tidelog_cli.commands.fleet import ServiceDeployment

honest = ServiceDeployment.stored

def stored(self, channel):
    log = honest(self, channel)
    if sys.argv[1] == "lost":
        return log[:-1]
    return [replace(record, body=record.body + b"!") if record.seq == 1 else record for record in log]

ServiceDeployment.stored = stored
sys.exit(run(sys.argv[2:]))
"""


class StackDeployment(ServiceDeployment):
    """A stack as the fleet sees it; Mosquitto has to be told of the devices."""

    def __init__(self, stack: Stack, **options: Any) -> None:
        super().__init__(stack.url, **options)
        self._stack = stack

    def provision(self, crew: Crew) -> dict[str, str]:
        made = super().provision(crew)
        if self._stack.mosquitto is not None:
            for device, secret in made.items():
                self._stack.mosquitto.add_device(device, secret)
        return made


def tidelog(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TIDELOG, *words], capture_output=True, text=True, timeout=WAIT_S, check=False, **options
    )


def test_an_eventful_fleet_ends_clean_on_either_broker(stack: Stack, tmp_path: Path) -> None:
    """Cuts in the middle of answers, restarts, wipes and requests for foreign channels, many a second."""
    stack.start()
    stores = tmp_path / "stores"
    stores.mkdir()
    scenario = Scenario(devices=6, seconds=10, seed=4, texts=built_in(), source="made up", rhythm=EVENTFUL)
    with closing(open_database(DataFolder(stack.folder).database)) as database:
        deployment = StackDeployment(stack, database=database)
        outcome = Fleet(scenario, deployment=deployment, folder=stores).run()
    assert outcome.faults == ()
    counts = outcome.counts
    assert min(counts.written, counts.cuts, counts.restarts, counts.wipes, counts.refusals) > 0
    assert outcome.records >= counts.receipts > 0
    assert outcome.compared >= outcome.records
    assert counts.delivered >= outcome.compared - counts.written
    assert counts.online == 6
    assert outcome.cost.full_resend_bytes > outcome.cost.bytes_up + outcome.cost.bytes_down > 0
    assert counts.bytes_down > outcome.cost.bytes_down


def test_the_command_tells_all_of_it_as_json(tmp_path: Path) -> None:
    """On a service of its own; the second fleet on a data folder takes other names."""
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps({"body": f"text {n}"}) + "\n" for n in range(500)))
    words = ["fleet", "--devices", "6", "--minutes", "0.05", "--seed", "1", "--json"]
    words += ["--data", str(tmp_path / "data"), "--corpus", str(corpus)]
    for tag in ("f1", "f2"):
        ended = tidelog(*words)
        assert ended.returncode == 0, ended.stderr
        told = json.loads(ended.stdout)
        assert told["clean"] is True
        assert (told["devices"], told["seed"], told["texts"]) == (6, 1, "corpus.jsonl")
        assert told["counts"]["written"] > 0
        users = json.loads(tidelog("user", "list", "--data", str(tmp_path / "data"), "--json").stdout)
        assert any(user["user"].startswith(tag) for user in users)


@pytest.mark.parametrize(("way", "kind"), [("lost", "unstored"), ("changed", "different")])
def test_a_service_that_lies_is_found_out(way: str, kind: str, tmp_path: Path) -> None:
    """The stores are kept for a look."""
    words = [sys.executable, "-c", SABOTAGED, way]
    words += ["fleet", "--devices", "3", "--minutes", "0.05", "--seed", "1"]
    ended = subprocess.run(
        words, capture_output=True, text=True, timeout=WAIT_S, check=False, env=_environment(tmp_path)
    )
    assert ended.returncode == 7, ended.stderr
    assert "not clean" in ended.stdout
    assert f"{kind} " in ended.stdout.splitlines()[-2]
    (kept,) = tmp_path.glob("tidelog-fleet-*")
    assert str(kept) in ended.stderr
    assert list(kept.glob("f1u1a-1.db"))


def test_an_interrupted_fleet_is_still_checked(tmp_path: Path) -> None:
    """Ctrl-C ends the writing, not the checking; nothing stays behind."""
    words = [*TIDELOG, "fleet", "--devices", "3", "--minutes", "60", "--seed", "1", "--json"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment(tmp_path)
    ) as running:
        deadline = time.monotonic() + WAIT_S
        while not list(tmp_path.glob("tidelog-fleet-*/f1u1a-1.db")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        output, errors = running.communicate(timeout=WAIT_S)
    assert running.returncode == 0, errors
    told = json.loads(output)
    assert (told["clean"], told["early"]) == (True, True)
    assert list(tmp_path.iterdir()) == []


def test_a_service_that_runs_already_needs_its_folder() -> None:
    ended = tidelog("fleet", "--url", "mqtt://127.0.0.1:1")
    assert ended.returncode == 2
    assert "--url needs --data" in ended.stderr


def test_a_service_that_does_not_answer_gets_no_users(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    tidelog("user", "add", "alice", "--data", data)
    ended = tidelog("fleet", "--url", "mqtt://127.0.0.1:1", "--data", data, "--json")
    assert ended.returncode == 3
    assert json.loads(ended.stderr.splitlines()[-1])["error"]["code"] == "offline"
    users = json.loads(tidelog("user", "list", "--data", data, "--json").stdout)
    assert [user["user"] for user in users] == ["alice"]


def _environment(temporary: Path) -> Mapping[str, str]:
    return os.environ | {"TMPDIR": str(temporary)}
