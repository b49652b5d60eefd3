from __future__ import annotations

from tidelog.codec import context
from tidelog.wire.metadata import Meta
from tidelog_service.training.samples import Sample, silent


def test_they_sort_as_the_bodies_of_a_page_do() -> None:
    made = [Sample(2, "a", 1, "ann", b""), Sample(1, "b", 2, "bob", b""), Sample(1, "a", 9, "bob", b"")]
    entries = [context.Entry(one.channel, one.seq, Meta("", one.time), b"", 0) for one in made]
    ordered = [(one.time, one.channel, one.seq) for one in sorted(made)]
    assert ordered == [(one.meta.time, one.channel, one.seq) for one in sorted(entries, key=context.order)]


def test_a_text_is_a_body_with_its_end() -> None:
    assert Sample(1, "a", 1, "ann", b"a\0b").text == b"a\x01\x02b\0"


def test_nobody_need_watch() -> None:
    silent("reading", 1, 2)
