"""What must hold of a primed push before anybody looks inside."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import CONTEXT_RECORDS_MAX, PAGE_RECORDS_MAX
from tidelog.wire.primed import PrimedPush, checked
from tidelog.wire.ranges import EMPTY, RangeSet

PUSH = PrimedPush(
    channel="a",
    seqs=RangeSet([(500, 502)]),
    context=RangeSet([(500 - CONTEXT_RECORDS_MAX, 500)]),
    check=b"chck",
    columns=b"",
    bodies=b"",
    authors=("ann", "bob"),
    types=("a/b", "c/d"),
)


def test_one_that_fits_passes_as_it_is() -> None:
    assert checked(PUSH) is PUSH
    assert checked(replace(PUSH, seqs=RangeSet([(500, 500 + PAGE_RECORDS_MAX)])))


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (replace(PUSH, seqs=EMPTY), Code.MALFORMED),
        (replace(PUSH, context=EMPTY), Code.MALFORMED),
        (replace(PUSH, context=RangeSet([(499, 501)])), Code.MALFORMED),
        (replace(PUSH, context=RangeSet([(1, 2 + CONTEXT_RECORDS_MAX)])), Code.LIMIT),
        (replace(PUSH, seqs=RangeSet([(500, 501 + PAGE_RECORDS_MAX)])), Code.LIMIT),
        (replace(PUSH, check=b"chc"), Code.MALFORMED),
        (replace(PUSH, authors=("ann", "bob", "cem")), Code.MALFORMED),
        (replace(PUSH, types=("", "a/b", "c/d")), Code.MALFORMED),
    ],
)
def test_one_that_does_not_is_refused(wrong: PrimedPush, code: Code) -> None:
    with pytest.raises(ProtocolError) as caught:
        checked(wrong)
    assert caught.value.wire_code is code
