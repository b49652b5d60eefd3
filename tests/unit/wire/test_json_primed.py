"""A primed push as people see it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from tidelog.wire import jsonform
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.primed import PrimedPush
from unit.wire.strategies import primed_pushes

PUSH = {
    "type": "primed",
    "channel": "a",
    "seqs": [[500, 501]],
    "context": [[490, 500]],
    "check": "01020304",
    "columns": "05",
    "bodies": "",
}


@given(primed_pushes())
def test_what_is_written_is_read(frame: PrimedPush) -> None:
    assert jsonform.decode(jsonform.encode(frame)) == frame


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"check": "010203"}, Code.MALFORMED),
        ({"check": "0102030G"}, Code.MALFORMED),
        ({"columns": "0 5"}, Code.MALFORMED),
        ({"columns": "AA"}, Code.MALFORMED),
        ({"bodies": None}, Code.MALFORMED),
        ({"seqs": []}, Code.MALFORMED),
        ({"context": []}, Code.MALFORMED),
        ({"context": [[490, 501]]}, Code.MALFORMED),
        ({"context": [[1, None]]}, Code.LIMIT),
        ({"seqs": [[500, None]]}, Code.LIMIT),
        ({"authors": ["ann", "ann"]}, Code.MALFORMED),
        ({"types": ["\n"]}, Code.MALFORMED),
        ({"epoch": 7}, Code.MALFORMED),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], code: Code) -> None:
    with pytest.raises(ProtocolError) as caught:
        jsonform.decode(json.dumps(PUSH | change).encode())
    assert caught.value.wire_code is code
