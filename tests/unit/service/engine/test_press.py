"""The press that needs nothing."""

from __future__ import annotations

import pytest

from tidelog.codec.press import PressJob, press
from tidelog.wire.errors import UsageError
from tidelog_service.engine.ports import Press
from tidelog_service.engine.press import InProcessPress


def test_jobs_are_done_in_their_order() -> None:
    made: Press = InProcessPress()
    jobs = [
        PressJob(codec, 6, b"", (b"low tide " * n,), 900, first_always=True)
        for codec in (0, 1)
        for n in (1, 9)
    ]
    assert made.press(jobs) == [press(job) for job in jobs]
    assert made.press([]) == []


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(UsageError):
        InProcessPress().press([PressJob(3, 6, b"", (b"x",), 900, first_always=True)])
