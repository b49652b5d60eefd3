"""What a dictionary brings."""

from __future__ import annotations

import pytest

from tidelog.codec import ppmd
from tidelog.codec.dictionaries import trained
from tidelog_service.training import trial
from tidelog_service.training.samples import Sample
from tidelog_service.training.trial import HELD_OUT_MAX, Figure, parted, tried


def samples(count: int) -> list[Sample]:
    return [Sample(at, "room", at, "ann", b"the kettle is at %d degrees" % at) for at in range(count)]


@pytest.mark.parametrize(("count", "held_out"), [(0, 0), (9, 0), (10, 1), (205, 20), (20_000, HELD_OUT_MAX)])
def test_the_newest_tenth_is_kept_out(count: int, held_out: int) -> None:
    made = samples(count)
    assert parted(made[::-1]) == (made[: count - held_out], made[count - held_out :])


def test_each_codec_is_tried_with_pages_for_which_there_are_enough_records() -> None:
    dictionary = trained(samples(1)[0].text)
    figures = tried(samples(30), dictionary)
    assert [(one.codec, one.records) for one in figures] == [
        (codec, count) for codec in ("ppmd", "deflate") for count in (1, 5, 20)
    ]
    for one in figures:
        assert one.trained < one.without
    assert tried([], dictionary) == []


def test_without_pyppmd_there_is_deflate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ppmd, "available", lambda: False)
    assert {one.codec for one in tried(samples(5), trained(b"text"))} == {"deflate"}


def test_pages_are_spread_over_the_records_and_the_newest_is_among_them() -> None:
    texts = [one.text for one in samples(100)]
    pages = trial._pages(samples(100), 5)
    assert pages[-1] == b"".join(texts[95:])
    assert len(pages) == len(set(pages)) == 8
    assert trial._pages(samples(5), 5) == [b"".join(texts[:5])]


def test_a_figure_tells_bytes() -> None:
    (one,) = [one for one in tried(samples(1), trained(b"x")) if one.codec == "deflate"]
    assert one == Figure(
        codec="deflate", records=1, plain=27, without=one.without, builtin=one.builtin, trained=one.trained
    )
