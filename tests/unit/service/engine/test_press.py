from __future__ import annotations

import pytest

from tidelog.codec.press import PressJob, press
from tidelog.wire.errors import UsageError
from tidelog_service.engine.ports import Press
from tidelog_service.engine.press import InProcessPress


def test_jobs_are_done_in_their_order() -> None:
    press_port: Press = InProcessPress()
    jobs = [PressJob(codec, 6, b"", (b"low tide " * 9,), 100, first_always=False) for codec in (2, 0, 1)]
    assert press_port.press(jobs) == [press(job) for job in jobs]
    assert press_port.press([]) == []


def test_misuse_is_refused() -> None:
    with pytest.raises(UsageError):
        InProcessPress().press([PressJob(31, 6, b"", (b"a",), 9, first_always=False)])
