"""The bodies of edits and deletes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT
from tidelog.wire.limits import KIND_STOP, REVISION_SEQS_MAX, TIME_MS_STOP
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.revisions import (
    Edit,
    concerns,
    delete_body,
    edit_body,
    read_delete,
    read_edit,
    voided_by,
    voids_of,
)
from unit.wire.document import table

VOIDS = st.lists(
    st.tuples(st.integers(1, 500), st.integers(1, 40)).map(lambda run: (run[0], run[0] + run[1])),
    min_size=1,
    max_size=6,
).map(RangeSet)
EDITS = st.builds(
    Edit,
    voids=VOIDS,
    kind=st.integers(0, KIND_STOP - 1),
    time=st.integers(0, TIME_MS_STOP - 1),
    content=st.binary(max_size=40),
)


@given(EDITS)
def test_an_edit_is_read_as_it_was_written(edit: Edit) -> None:
    body = edit_body(edit)
    assert read_edit(body) == edit
    assert voids_of(KIND_EDIT, body) == edit.voids
    assert concerns(KIND_EDIT, body, EMPTY)


@given(VOIDS, VOIDS)
def test_a_delete_concerns_whoever_has_something_of_it(voids: RangeSet, have: RangeSet) -> None:
    body = delete_body(voids)
    assert read_delete(body) == voids_of(KIND_DELETE, body) == voids
    assert concerns(KIND_DELETE, body, have) is bool(set(voids) & set(have))


def test_a_delete_in_many_pieces_concerns_everybody() -> None:
    pieces = [(seq, seq + 1) for seq in range(1, 19, 2)]
    assert concerns(KIND_DELETE, delete_body(RangeSet(pieces)), EMPTY)
    assert not concerns(KIND_DELETE, delete_body(RangeSet(pieces[:8])), EMPTY)


@given(st.binary(max_size=40))
def test_whatever_the_body_it_is_refused_or_voids_something(body: bytes) -> None:
    for kind, read in ((KIND_EDIT, lambda: read_edit(body).voids), (KIND_DELETE, lambda: read_delete(body))):
        try:
            voids = read()
        except ProtocolError:
            voids = EMPTY
        else:
            assert 0 < voids.count <= REVISION_SEQS_MAX
            assert voids.runs[0][0] >= 1
        assert voids_of(kind, body) == voids


@pytest.mark.parametrize("kind", [0, 3, 16, 255])
def test_other_records_void_nothing(kind: int) -> None:
    assert voids_of(kind, delete_body(RangeSet([(1, 3)]))) == EMPTY
    assert concerns(kind, b"", EMPTY)


@given(st.lists(st.tuples(st.sampled_from([KIND_EDIT, KIND_DELETE, 0]), VOIDS), max_size=5))
def test_what_several_void_is_what_each_does(given_: list[tuple[int, RangeSet]]) -> None:
    written = [
        (kind, edit_body(Edit(voids=voids, time=5, content=b"")) if kind == KIND_EDIT else delete_body(voids))
        for kind, voids in given_
    ]
    assert set(voided_by(written)) == {seq for kind, voids in given_ if kind for seq in voids}


@pytest.mark.parametrize(
    ("voids", "code"),
    [
        (EMPTY, Code.MALFORMED),
        (RangeSet([(1, 2**53)]), Code.LIMIT),
        (RangeSet([(1, REVISION_SEQS_MAX + 2)]), Code.LIMIT),
        (RangeSet([(1, 3), (5, REVISION_SEQS_MAX + 4)]), Code.LIMIT),
    ],
)
def test_nothing_and_too_much_are_refused(voids: RangeSet, code: Code) -> None:
    for read in (
        lambda: read_delete(delete_body(voids)),
        lambda: read_edit(edit_body(Edit(voids=voids, time=5, content=b"x"))),
    ):
        with pytest.raises(ProtocolError) as refused:
            read()
        assert refused.value.wire_code is code


def test_as_many_as_may_be_are_taken() -> None:
    voids = RangeSet([(1, REVISION_SEQS_MAX + 1)])
    assert read_delete(delete_body(voids)) == voids


def test_the_examples_of_the_document_are_right() -> None:
    examples = [row[0].strip("`") for row in table("Edits and deletes")]
    deleted, first, again = map(bytes.fromhex, examples)
    assert read_delete(deleted) == RangeSet([(3, 5)])
    one = Edit(voids=RangeSet([(1, 2)]), time=1_760_001_373_011, content=b"one")
    two = Edit(voids=RangeSet([(1, 2), (9, 10)]), time=1_760_001_373_011, content=b"two")
    assert (first, again) == (edit_body(one), edit_body(two))
    assert (read_edit(first), read_edit(again)) == (one, two)
