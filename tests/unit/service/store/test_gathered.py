"""What ingest rules leave in the database, as an operator sees it; the rest is tested with the engine."""

from __future__ import annotations

from tidelog_service.engine.bookkeeping import DAYS_KEPT
from tidelog_service.engine.gathering import Count, Made, Outcome
from tidelog_service.store.database import Database
from tidelog_service.store.gathered import GatheredStore, RuleSum


def count(database: Database, day: int, *counts: Count, time: int = 0) -> None:
    with database.transaction():
        GatheredStore(database).count(day, counts, time)


def test_counts_add_up_over_days_and_the_last_topic_is_kept(database: Database) -> None:
    for day, messages, topic in ((10, 1, "s/a"), (10, 2, "s/b"), (12, 4, "s/c")):
        count(database, day, Count("s/+", Outcome.STORED, messages, topic), time=day)
    count(database, 12, Count("", Outcome.NO_RULE, 8, "t"), time=12)
    shelf = GatheredStore(database)
    assert shelf.sums(0) == {
        "s/+": {Outcome.STORED: RuleSum(messages=7, topic="s/c", time=12)},
        "": {Outcome.NO_RULE: RuleSum(messages=8, topic="t", time=12)},
    }
    assert shelf.sums(11)["s/+"][Outcome.STORED].messages == 4
    assert shelf.sums(13) == {}


def test_old_days_are_forgotten(database: Database) -> None:
    count(database, 10, Count("s/+", Outcome.STORED, 1, "s/a"))
    count(database, 10 + DAYS_KEPT, Count("s/+", Outcome.STORED, 2, "s/a"))
    assert GatheredStore(database).sums(0)["s/+"][Outcome.STORED].messages == 3
    count(database, 11 + DAYS_KEPT, Count("s/+", Outcome.STORED, 4, "s/a"))
    assert GatheredStore(database).sums(0)["s/+"][Outcome.STORED].messages == 6


def test_filters_are_replaced_as_a_whole(database: Database) -> None:
    shelf = GatheredStore(database)
    assert shelf.filters() == ()
    shelf.keep_filters(["b/+", "a/+", "b/+"])
    assert shelf.filters() == ("a/+", "b/+")
    shelf.keep_filters(["c"])
    assert shelf.filters() == ("c",)
    shelf.keep_filters([])
    assert shelf.filters() == ()


def test_what_a_rule_has_made_is_counted_by_rule(database: Database) -> None:
    shelf = GatheredStore(database)
    with database.transaction():
        assert shelf.make_author("s/+", "ann", 5) == shelf.authors(["ann", "bob"])["ann"]
        log, complete = shelf.make_channel("s/+", "a", [], 5)
        shelf.make_channel("t/+", "b", ["ann", "cem"], 5)
    assert complete
    assert (log.head, log.floor) == (0, 1)
    assert shelf.channels(["a"])["a"] == (log, True)
    assert (shelf.made("s/+"), shelf.made("t/+"), shelf.made("u")) == (Made(1, 1), Made(1, 0), Made(0, 0))


def test_many_names_are_looked_up_at_once(database: Database) -> None:
    shelf = GatheredStore(database)
    names = [f"n{number}" for number in range(600)]
    with database.transaction():
        for name in names:
            shelf.make_author("s/+", name, 5)
    assert set(shelf.authors([*names, "nobody"])) == set(names)
