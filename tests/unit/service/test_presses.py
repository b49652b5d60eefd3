"""The pool as a whole, with real processes: what they do is what it is for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tidelog.codec.deflate import Deflate
from tidelog.codec.ppmd import ORDER, Ppmd
from tidelog.codec.press import PressJob, press
from tidelog.wire.errors import UsageError
from tidelog_service.engine.ports import Press
from tidelog_service.presses import Presses, cores

BODIES = tuple(f"reading {n} of the gauge at the pier, {n * 7 % 13} metres".encode() for n in range(60))
READY_SECONDS = 60.0
"""On a machine that is busy with other things."""


def job_of(codec: int = Ppmd.id, *, seed: int = 0, order: int = ORDER) -> PressJob:
    return PressJob(
        codec, order, b"the gauge at the pier\0" * (seed + 1), BODIES[seed:], 900, first_always=True
    )


def large() -> PressJob:
    """More than the sockets hold."""
    return job_of()._replace(context=bytes(range(2, 250)) * 1000, bodies=(b"tide " * 6000,) * 30)


@contextmanager
def pool(size: int, *, seconds_max: float = 30.0, jobs_max: int = 1000) -> Iterator[Presses]:
    presses = Presses(size, seconds_max=seconds_max, jobs_max=jobs_max)
    presses.start()
    try:
        assert presses.wait_ready(READY_SECONDS)
        yield presses
    finally:
        presses.close()


def gone(pid: int) -> bool:
    """Whether there is no such process, or only what its parent has not asked for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def until(true: Callable[[], bool]) -> bool:
    due = time.monotonic() + READY_SECONDS
    while not true() and time.monotonic() < due:
        time.sleep(0.01)
    return true()


def test_jobs_of_all_codecs_come_back_in_their_order() -> None:
    jobs = [job_of(seed % 3, seed=seed) for seed in range(9)]
    with pool(2) as presses:
        as_port: Press = presses
        for _ in range(2):
            assert as_port.press(jobs) == [press(job) for job in jobs]
        assert presses.press([]) == []
        assert presses.fallbacks == 0


def test_without_processes_the_caller_does_the_jobs() -> None:
    presses = Presses(0)
    presses.start()
    assert presses.wait_ready(0)
    assert presses.press([job_of()]) == [press(job_of())]
    assert presses.pids == ()
    presses.close()


def test_nobody_waits_for_a_process_to_start() -> None:
    presses = Presses(1)
    assert presses.press([job_of(Deflate.id)]) == [press(job_of(Deflate.id))]
    assert presses.pids == ()
    assert presses.press([job_of()]) == [press(job_of())]
    assert len(presses.pids) == 1
    presses.close()


def test_a_process_that_died_is_replaced() -> None:
    with pool(1) as presses:
        (first,) = presses.pids
        os.kill(first, signal.SIGKILL)
        assert until(lambda: gone(first))
        assert presses.press([job_of()]) == [press(job_of())]
        assert presses.pids != (first,)
        assert presses.wait_ready(READY_SECONDS)
        assert presses.press([job_of()]) == [press(job_of())]
        assert presses.fallbacks == 0


def test_a_job_whose_process_dies_is_done_by_another() -> None:
    with pool(1) as presses:
        (first,) = presses.pids
        os.kill(first, signal.SIGSTOP)
        killer = threading.Timer(0.3, os.kill, (first, signal.SIGKILL))
        killer.start()
        assert presses.press([job_of(), job_of(Deflate.id)]) == [press(job_of()), press(job_of(Deflate.id))]
        killer.join()
        assert presses.fallbacks == 0
        assert presses.pids != (first,)


def test_a_job_of_which_processes_die_goes_to_deflate() -> None:
    """It does not get at the service's own process."""
    with pool(1) as presses:
        ended = threading.Event()

        def kill_all() -> None:
            while not ended.wait(0.002):
                with suppress(ProcessLookupError, AttributeError):  # they come and go meanwhile
                    for pid in presses.pids:
                        os.kill(pid, signal.SIGKILL)

        os.kill(presses.pids[0], signal.SIGSTOP)
        killer = threading.Thread(target=kill_all)
        killer.start()
        found = presses.press([job_of()])
        ended.set()
        killer.join()
        assert found == [press(job_of(Deflate.id))]
        assert presses.fallbacks == 1


@pytest.mark.parametrize("make", [job_of, large])
def test_a_process_that_hangs_is_ended_and_its_job_goes_to_deflate(make: Callable[[], PressJob]) -> None:
    with pool(2, seconds_max=0.5) as presses:
        stopped = presses.pids[0]
        os.kill(stopped, signal.SIGSTOP)
        started = time.monotonic()
        found = presses.press([make()])
        assert found[0].codec in {
            Deflate.id,
            Ppmd.id,
        }  # the other process has it where the first took nothing
        assert time.monotonic() - started < 10
        assert until(lambda: gone(stopped))


def test_what_is_refused_is_refused_and_the_pool_goes_on() -> None:
    with pool(2) as presses:
        for _ in range(3):
            with pytest.raises(UsageError):
                presses.press([job_of(), job_of(order=1), job_of(seed=3)])
            with pytest.raises(UsageError):
                presses.press([job_of(), job_of(31)])
            assert presses.press([job_of(seed=5)]) == [press(job_of(seed=5))]


def test_signals_to_the_group_are_for_the_service() -> None:
    with pool(1) as presses:
        (pid,) = presses.pids
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
        assert presses.press([job_of()]) == [press(job_of())]
        assert presses.pids == (pid,)
        assert os.getpgid(pid) != os.getpgid(0)


def test_a_process_that_has_done_enough_is_replaced() -> None:
    with pool(1, jobs_max=3) as presses:
        (first,) = presses.pids
        assert presses.press([job_of()] * 2) == [press(job_of())] * 2
        assert presses.pids == (first,)
        presses.press([job_of()])
        assert presses.pids != (first,)
        assert gone(first)


def test_close_ends_the_processes_and_may_be_called_again() -> None:
    with pool(2) as presses:
        pids = presses.pids
        presses.close()
        presses.close()
        assert all(map(gone, pids))
        assert presses.press([job_of()]) == [press(job_of())]


def test_closing_while_they_start_is_no_fault(capfd: pytest.CaptureFixture[str]) -> None:
    presses = Presses(2)
    presses.start()
    presses.close()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("executable", ["/nowhere/python", "/bin/false"])
def test_where_no_process_starts_the_caller_does_the_jobs(
    executable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    presses = Presses(1)
    presses.start()
    assert not presses.wait_ready(0.5)
    assert presses.press([job_of()]) == [press(job_of())]
    assert presses.pids == ()  # not again at once
    presses.close()


def test_they_end_with_the_service_however_it_ends() -> None:
    program = (
        "import os, signal\n"
        "from tidelog_service.presses import Presses\n"
        "presses = Presses(2)\n"
        "presses.start()\n"
        f"assert presses.wait_ready({READY_SECONDS})\n"
        "print(*presses.pids, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    pids = [int(word) for word in ended.stdout.split()]
    assert len(pids) == 2
    assert ended.returncode == -signal.SIGKILL
    assert until(lambda: all(map(gone, pids)))


def test_cores_are_those_that_the_process_may_use() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)
