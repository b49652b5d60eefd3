"""Whom the end of a sync is told, and how."""

from __future__ import annotations

import pytest

from tidelog.replica import endings
from tidelog.replica.requests import Job
from tidelog.replica.steps import SyncEnded, Trouble
from tidelog.wire.errors import Denied, ProtocolError, UsageError


def test_a_sync_ends_with_its_report() -> None:
    end = endings.ended(Job(id=3, channels=None, started=1.0, records=2), 1.5)
    assert end.job == 3
    assert end.report is not None
    assert (end.report.complete, end.report.records, end.report.seconds) == (True, 2, 0.5)


@pytest.mark.parametrize(("gone", "fails"), [({"room"}, False), ({"room", "hall"}, True)])
def test_a_sync_of_named_channels_fails_once_none_of_them_is_to_be_had(
    gone: set[str], *, fails: bool
) -> None:
    end = endings.ended(Job(id=3, channels=("room", "hall"), gone=gone), 0.0)
    assert isinstance(end.error, Denied) is fails
    assert (end.report is None) is fails


def test_a_budget_that_asking_alone_exceeds_is_misuse() -> None:
    end = endings.spent(Job(id=3, channels=None, max_bytes=256), 0.0)
    assert isinstance(end.error, UsageError)
    assert end.error.code == "budget"


def test_a_budget_spent_on_the_way_leaves_a_report() -> None:
    end = endings.spent(Job(id=3, channels=None, max_bytes=256, rounds=1), 0.0)
    assert end.report is not None
    assert not end.report.complete


def test_errors_of_the_machines_own_jobs_are_trouble() -> None:
    error = ProtocolError("a page that does not come out")
    assert endings.failed(Job(id=3, channels=None), error) == SyncEnded(job=3, error=error)
    assert endings.failed(Job(id=0, channels=None, repair=True), error) == Trouble(error=error)
    assert isinstance(endings.stalled(Job(id=0, channels=None, repair=True)), Trouble)
