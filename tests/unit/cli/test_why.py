"""What a device has and lacks, in words."""

from __future__ import annotations

import pytest

from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog_cli.why import RANGES_SHOWN, RANGES_TOLD, View, as_object, as_row, sentences, shown
from tidelog_service.engine.insight import Insight, Membership, Reason
from tidelog_service.store.inspection import Weight

NOTHING = Weight(records=0, bytes=0, whole=True)


def view(
    *reasons: Reason, lacks: RangeSet = EMPTY, weight: Weight = NOTHING, copies: RangeSet = EMPTY
) -> View:
    one = Insight(
        membership=Membership(1, "room", 7, 10, 2, "writer", 3, 9),
        readable=EMPTY,
        has=EMPTY,
        sent=RangeSet([(4, 6)]),
        wrote=RangeSet([(7, 8)]),
        lacks=lacks,
        unasked=EMPTY,
        gone=EMPTY,
        shut=EMPTY,
        copies=copies,
        asked_ms=0,
        newest=5,
        reasons=reasons,
    )
    return View(insight=one, revoked=False, lacks=weight, unasked=NOTHING)


def test_ranges_are_written_with_both_ends_and_only_the_newest_of_many() -> None:
    assert shown(RangeSet([(3, 4), (5, 10)])) == "3, 5-9"
    odd = RangeSet([(n, n + 1) for n in range(1, 40, 2)])
    assert shown(odd).startswith(f"{20 - RANGES_SHOWN} ranges below, 25, 27")
    assert shown(odd).endswith("37, 39")


def test_programs_get_a_bounded_number_of_ranges() -> None:
    odd = RangeSet([(n, n + 1) for n in range(1, 400, 2)])
    told = as_object(view(lacks=odd))["lacks"]
    assert told["count"] == 200
    assert len(told["ranges"]) == RANGES_TOLD
    assert told["ranges"][-1] == [399, 400]
    assert told["more_ranges"] == 200 - RANGES_TOLD


def test_what_was_not_looked_at_whole_is_told_so() -> None:
    large = view(lacks=RangeSet([(1, 10)]), weight=Weight(records=4, bytes=4_000, whole=False))
    assert as_row(large)["bytes"] == "over 4,000"
    assert list(sentences(large)) == ["it lacks 1-9: too many to look at all, over 4,000 bytes"]


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_has_a_sentence(reason: Reason) -> None:
    (sentence,) = sentences(view(reason))
    assert len(sentence) > 15


def test_sentences_name_the_figures_that_matter() -> None:
    told = "; ".join(
        sentences(
            view(
                Reason.UNCONFIRMED,
                Reason.WROTE,
                Reason.NEWEST_ONLY,
                Reason.FLOOR,
                Reason.WINDOW,
                Reason.LEFT,
                copies=RangeSet([(1, 2)]),
            )
        )
    )
    for part in (
        "2 numbers went out",
        "wrote 7 itself",
        "newest 5",
        "below 2",
        "from 3 on",
        "up to 9",
        "has 1 all",
    ):
        assert part in told
