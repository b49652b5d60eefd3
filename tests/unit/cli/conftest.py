"""The command in this process, with what it wrote."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tidelog_cli.app import run


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """The one JSON value on standard output."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        """The JSON error on standard error, where it stands last."""
        told: dict[str, str] = json.loads(self.err.splitlines()[-1])["error"]
        return told


Command = Callable[..., Outcome]


@pytest.fixture
def tidelog(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs the command; nothing of the environment or of the user's folders reaches it."""
    for name in ("TIDELOG_SECRET", "TIDELOG_CONFIG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TIDELOG_SERVICE__DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TIDELOG_PROFILES", str(tmp_path / "profiles"))

    def call(*arguments: object, given: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(given))))  # type: ignore[arg-type]  # BytesIO reads as a raw stream does
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code=code, out=captured.out, err=captured.err)

    return call
