"""The rule keeper: a file that changes, is half written, wrong or gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tidelog.wire.errors import TidelogError, Unavailable
from tidelog_service.config import Source
from tidelog_service.engine.gathering import Gathering
from tidelog_service.engine.rules import IngestRules
from tidelog_service.rule_keeper import RuleKeeper
from tidelog_service.store.database import open_database
from tidelog_service.store.gathered import GatheredStore

ONE = "[[ingest]]\ntopic = 'a/+'\nchannel = '{1}'\n"
TWO = ONE + "[[ingest]]\ntopic = 'b/#'\nchannel = 'b'\npublishers = 'none'\n"


@dataclass
class Around:
    """Link, broker and files in one: what they were told, in order."""

    told: list[tuple[str, object]] = field(default_factory=list)
    fails: bool = False

    def watch(self, filters: tuple[str, ...]) -> None:
        self.told.append(("watch", filters))

    def allow(self, patterns: tuple[str, ...]) -> None:
        self.told.append(("allow", patterns))

    def use(self, rules: IngestRules) -> None:
        self.told.append(("use", rules.filters))

    def keep(self) -> None:
        if self.fails:
            raise Unavailable("the disk is full", code="broker_files")
        self.told.append(("keep", None))


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, text: str, **values: object) -> None:
        self.lines.append(f"{text} {values}")

    warning = info


class Bench:
    def __init__(self, path: Path, shelf: GatheredStore) -> None:
        self.path = path
        self.path.write_text(ONE)
        self.around, self.log, self.troubles = Around(), Log(), list[TidelogError]()
        source = Source(config=path, overrides={"broker.port": 0})
        self.gathering = Gathering(shelf, source.load().rules)
        self.shelf = shelf
        anything: Any = self.around
        self.keeper = RuleKeeper(
            source=source,
            settings=source.load(),
            gathering=self.gathering,
            shelf=shelf,
            link=anything,
            embedded=anything,
            files=anything,
            log=self.log,
            trouble=self.troubles.append,  # type: ignore[arg-type]  # all are errors with a hint
        )

    def look(self, times: int = 2) -> None:
        for _ in range(times):
            self.keeper.look()

    @property
    def topics(self) -> list[str]:
        return [rule.topic for rule in self.gathering.rules.rules]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with open_database(":memory:") as database:
        yield Bench(tmp_path / "tidelog.toml", GatheredStore(database))


def test_a_file_that_stays_as_it_is_is_left_alone(bench: Bench) -> None:
    bench.look(5)
    assert (bench.around.told, bench.log.lines, bench.troubles) == ([], [], [])


def test_new_rules_are_known_before_they_are_allowed_and_subscribed_to(bench: Bench) -> None:
    bench.shelf.keep_filters(["a/+"])
    bench.path.write_text(TWO)
    bench.look()
    assert bench.topics == ["a/+", "b/#"]
    assert bench.around.told == [
        ("allow", ("a/+",)),
        ("watch", ("a/+", "b/#")),
        ("use", ("a/+", "b/#")),
        ("keep", None),
    ]
    bench.path.write_text("")
    bench.look()
    assert bench.topics == []
    assert bench.around.told[4:6] == [("allow", ()), ("watch", ())]
    # Until the next start has unsubscribed from them for certain.
    assert bench.shelf.filters() == ("a/+", "b/#")


def test_a_file_is_read_once_it_is_at_rest(bench: Bench) -> None:
    bench.path.write_text(TWO[:-20])
    bench.look(1)
    bench.path.write_text(TWO)
    bench.look(1)
    assert bench.topics == ["a/+"]
    bench.look(1)
    assert bench.topics == ["a/+", "b/#"]
    assert bench.troubles == []


def test_a_file_that_is_put_in_place_of_the_other_is_seen(bench: Bench, tmp_path: Path) -> None:
    before = bench.path.stat()
    (tmp_path / "new").write_text(ONE.replace("a/+", "c/+"))
    os.utime(tmp_path / "new", ns=(before.st_mtime_ns, before.st_mtime_ns))
    (tmp_path / "new").rename(bench.path)
    bench.look()
    assert bench.topics == ["c/+"]


@pytest.mark.parametrize("text", ["[[ingest]]\ntopic = 'tl1/#'\n", "[[ingest", "[brokr]\nport = 1\n", None])
def test_a_wrong_or_missing_file_is_told_and_the_rules_go_on(bench: Bench, text: str | None) -> None:
    if text is None:
        bench.path.unlink()
    else:
        bench.path.write_text(text)
    bench.look(5)
    (trouble,) = bench.troubles
    assert trouble.code == "config"
    assert "the ingest rules from before go on" in str(trouble)
    assert trouble.hint
    assert (bench.topics, bench.around.told) == (["a/+"], [])
    bench.path.write_text(TWO)
    bench.look()
    assert bench.topics == ["a/+", "b/#"]


def test_what_else_is_new_is_told_to_wait_for_the_next_start(bench: Bench) -> None:
    bench.path.write_text("[live]\nlease_s = 20\n[broker]\nport = 5\n" + ONE)
    bench.look()
    assert bench.log.lines[0] == "takes effect at the next start {'keys': ['live.lease_s']}"
    assert bench.around.told == []


def test_it_is_read_again_when_asked_though_nothing_has_changed(bench: Bench) -> None:
    bench.keeper.reread()
    bench.look()
    assert bench.log.lines == ["the ingest rules are as they were {}"]


def test_rules_that_meet_are_told(bench: Bench) -> None:
    bench.path.write_text(ONE + "[[ingest]]\ntopic = 'a/b'\n")
    bench.look()
    assert any("never matches" in line for line in bench.log.lines)


def test_files_that_cannot_be_written_are_told_and_the_rest_is_in_force(bench: Bench) -> None:
    bench.around.fails = True
    bench.path.write_text(TWO)
    bench.look()
    assert [trouble.code for trouble in bench.troubles] == ["broker_files"]
    assert bench.topics == ["a/+", "b/#"]
    assert ("watch", ("a/+", "b/#")) in bench.around.told
