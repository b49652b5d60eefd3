"""Which error ends with which code."""

from __future__ import annotations

import pytest

from tidelog.wire.errors import Code, Denied, ProtocolError, TidelogError, Unavailable, UsageError, error_for
from tidelog_cli.exits import MEANINGS, ExitCode, exit_for


def test_every_code_has_a_meaning() -> None:
    assert list(MEANINGS) == list(ExitCode)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (Unavailable("x"), 3),
        (Denied("x"), 4),
        (ProtocolError("x"), 5),
        (TidelogError("x"), 1),
        (UsageError("x", code="in_use"), 3),
        (Unavailable("x", code="store_locked"), 3),
        (Unavailable("x", code="store_damaged"), 6),
        (UsageError("x", code="import_line"), 6),
        (UsageError("x", code="no_data"), 6),
        (error_for(Code.NO_CHANNEL, ""), 4),
    ],
)
def test_the_code_of_an_error_decides_before_its_branch(error: TidelogError, code: int) -> None:
    assert exit_for(error) == code
