from __future__ import annotations

import threading
from multiprocessing.connection import Pipe
from typing import Any

import pytest

from tidelog.codec.ppmd import ORDER, Ppmd
from tidelog.codec.press import PressJob, press
from tidelog_service.press_process import PressProcess, ProcessGone, serve

JOB = PressJob(Ppmd.id, ORDER, b"low tide\0", (b"low tide at noon",), 100, first_always=True)


def test_it_says_ready_then_answers_each_job_and_ends_with_the_socket() -> None:
    own, other = Pipe()
    said: list[Any] = []
    serving = threading.Thread(target=serve, args=(other,))
    serving.start()
    said.append(own.recv())
    for job in (JOB, JOB._replace(order=1), JOB._replace(codec=0)):
        own.send(job)
        said.append(own.recv())
    own.close()
    serving.join(10)
    assert not serving.is_alive()
    assert said == ["ready", press(JOB), None, press(JOB._replace(codec=0))]


def test_a_process_answers_and_ends() -> None:
    process = PressProcess(30.0)
    try:
        assert process.hear() is None
        assert process.ready
        process.give(JOB)
        assert process.hear() == press(JOB)
    finally:
        process.end(wait=True)
        process.end()
    with pytest.raises(ProcessGone):
        process.hear()
    with pytest.raises(ProcessGone):
        process.give(JOB)


def test_one_that_is_told_to_end_ends_by_itself() -> None:
    process = PressProcess(30.0)
    process.hear()
    process.dismiss()
    process.end(wait=True)
    assert process.exit_code == 0
