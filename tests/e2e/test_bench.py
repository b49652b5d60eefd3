"""The bench of bytes from a corpus to its table, through a real broker and real sockets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tidelog.wire.mqttsize import publish_bytes
from tidelog_cli.bytes_bench.scenarios import GROWTH, SCENARIOS

RECORDS = 300
KEYS = [scenario.key for scenario in SCENARIOS]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A few hundred records in three channels."""
    path = tmp_path / "small.jsonl"
    lines = (
        {"channel": f"c{n % 3}", "author": f"u{n % 2}", "ts": 1_000 * n, "body": f"reading {n * n} at {n}"}
        for n in range(RECORDS + GROWTH)
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def bench(corpus: Path, *options: object) -> subprocess.CompletedProcess[str]:
    words = ["bench", "bytes", "--corpus", corpus, "--windows", 1, "--records", RECORDS, *options]
    return subprocess.run(
        [sys.executable, "-m", "tidelog_cli", *map(str, words)],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


def test_json_and_picture(corpus: Path, tmp_path: Path) -> None:
    ran = bench(corpus, "--json", "--picture", tmp_path / "bytes.svg")
    told = json.loads(ran.stdout)
    outcomes: dict[str, dict[str, Any]] = {each["key"]: each for each in told["outcomes"]}
    assert list(outcomes) == KEYS
    assert (told["windows"], told["records"]) == (1, RECORDS)
    assert ran.returncode == (0 if told["met"] else 7), ran.stderr
    missing = {"S1/20": 20, "S2": 0, "S3": 200, "S4": RECORDS + GROWTH, "S5": 100, "S6": 6}
    assert {key: outcomes[key]["records"] for key in missing} == missing
    for key, outcome in outcomes.items():
        assert outcome["rounds"] >= 1
        assert outcome["cpu_ms"] > 0
        # Nothing comes for less than the bound, and the smallest answer is a PUBLISH each way.
        least = max(outcome["bound"], 2 * publish_bytes("tl1/bench-00/re", 1, qos=0))
        assert outcome["total"] > least, key
    assert ET.parse(tmp_path / "bytes.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own


def test_tables(corpus: Path, tmp_path: Path) -> None:
    ran = bench(corpus, "--markdown", tmp_path / "bytes.md")
    assert ran.returncode in (0, 7), ran.stderr
    shown = [line.split()[0] for line in ran.stdout.splitlines() if line.strip()]
    assert [word for word in shown if word in KEYS] == KEYS
    page = (tmp_path / "bytes.md").read_text()
    assert all(f"| {key} |" in page for key in KEYS)
