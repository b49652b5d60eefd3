"""What the rig refuses to take for a measurement, and whose CPU time it counts."""

from __future__ import annotations

import multiprocessing
import threading
import time
from pathlib import Path

import pytest

from tidelog.replica.steps import SyncReport
from tidelog.wire.errors import TidelogError
from tidelog_cli.bytes_bench import rig
from tidelog_cli.bytes_bench.corpus import Row, numbered
from tidelog_cli.bytes_bench.rig import Taken
from tidelog_cli.bytes_bench.scenarios import SCENARIOS
from tidelog_cli.deployment import opened_database
from tidelog_service.store.transfer import export_records, read_lines

TAKEN = Taken(40, 60, 1, 0.5)


def report(*, records: int = 5, up: int = 40, down: int = 60, complete: bool = True) -> SyncReport:
    return SyncReport(records=records, rounds=1, bytes_up=up, bytes_down=down, complete=complete)


def test_a_report_that_agrees_passes() -> None:
    rig._check(report(), TAKEN, SCENARIOS[1], 5)


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (report(records=4), "bench_records"),
        (report(complete=False), "bench_records"),
        (report(up=41), "bench_bytes"),
        (report(down=58), "bench_bytes"),
    ],
)
def test_one_that_does_not_is_an_error(told: SyncReport, code: str) -> None:
    with pytest.raises(TidelogError) as caught:
        rig._check(told, TAKEN, SCENARIOS[1], 5)
    assert caught.value.code == code


def test_the_service_stores_the_log_as_it_is(tmp_path: Path) -> None:
    lines = [
        f'{{"channel": "{"xy"[n % 2]}", "author": "u{n % 3}", "ts": {90 - n}, "body": "b{n}"}}'
        for n in range(9)
    ]
    log = numbered(list(read_lines(lines)))
    secrets = rig._filled(tmp_path, log)
    assert all(len(device) == 8 for device in secrets)
    with opened_database(tmp_path, create=False) as database:
        stored = [
            Row(each["channel"], each["seq"], each["author"], each["ts"], 0, each["body"].encode())
            for each in export_records(database)
        ]
    assert stored == sorted(log)


def _burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_a_threads_own_time_is_counted() -> None:
    go, done = threading.Event(), threading.Event()
    worker = threading.Thread(target=lambda: (go.wait(), _burn(0.05), done.set(), stop.wait()))
    stop = threading.Event()
    worker.start()
    before = rig._thread_seconds(worker)
    _burn(0.05)
    assert rig._thread_seconds(worker) - before < 0.02
    go.set()
    done.wait()
    assert 0.05 <= rig._thread_seconds(worker) - before < 0.1
    stop.set()
    worker.join()


def test_a_processes_time_is_counted_until_it_has_ended() -> None:
    spawn = multiprocessing.get_context("spawn")
    child = spawn.Process(target=_burn, args=(0.05,))
    child.start()
    seen = 0.0
    while child.is_alive():
        seen = max(seen, rig._process_seconds(child.pid))
        time.sleep(0.01)
    assert seen > 0
    assert rig._process_seconds(child.pid) == 0
