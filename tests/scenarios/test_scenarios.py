"""Scenario files: a command (``> ...``) and the exact trace that follows it, on every kind of store.

``TIDELOG_UPDATE_SCENARIOS=1`` writes what happens now into the files; read the difference before keeping it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulated.stage import MakeStore, Stage, blocks
from tidelog.replica.ports import Store
from tidelog.store import MemoryStore, SqliteStore

FILES = sorted(Path(__file__).parent.glob("*.txt"))
UPDATE = "TIDELOG_UPDATE_SCENARIOS" in os.environ


def outbox_id(count: int) -> bytes:
    return b"\x11" * count


@pytest.fixture(params=["memory", "sqlite"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """Makes stores of one kind."""

    def made(device: str, serial: int) -> Store:
        if request.param == "memory":
            return MemoryStore(random_bytes=outbox_id)
        return SqliteStore(tmp_path / f"{device}-{serial}.db", device=device, random_bytes=outbox_id)

    return made


@pytest.fixture
def stage(make_store: MakeStore) -> Iterator[Stage]:
    """An empty stage."""
    made = Stage(make_store)
    yield made
    made.close()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_trace_is_as_written(file: Path, stage: Stage) -> None:
    """Each command of the file leads to exactly the packets and events that stand below it."""
    text = file.read_text(encoding="utf8")
    if UPDATE:
        file.write_text(_rewritten(text, stage), encoding="utf8")
        return
    for command, expected in blocks(text):
        assert stage.run(command) == expected, f"{file.name}: > {command}"


def _rewritten(text: str, stage: Stage) -> str:
    """The file with what happens now; comments stay, a blank line stands before each command with a trace."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("#"):
            lines += ["", line] if lines and lines[-1][:1] != "#" else [line]
        elif line.startswith("> "):
            trace = stage.run(line[2:])
            lines += ["", line, *trace] if trace or lines[-1][:1] not in "#>" else [line]
    return "\n".join(lines) + "\n"
