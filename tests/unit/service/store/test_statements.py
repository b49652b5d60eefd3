"""The hot statements' query plans."""

from __future__ import annotations

import pytest

from tidelog_service.store.database import Database
from tidelog_service.store.statements import Listed, Statements

_READS = (
    "advance",
    "audience",
    "authors",
    "count_mark",
    "devices",
    "erase",
    "forget",
    "forget_tokens",
    "hearers",
    "logs",
    "marks",
    "numbers",
    "pool_down",
    "pool_up",
    "raise_mark",
    "readable",
    "revisions_pool",
    "revisions_run",
    "run_down",
    "run_up",
    "taken",
    "terminal",
    "token",
    "writable",
)


@pytest.mark.parametrize("name", _READS)
def test_no_statement_scans_a_table(database: Database, name: str) -> None:
    """Each table is searched by a key; a scan would grow with what is stored."""
    plan = _plan(database, name)
    assert plan
    searches = ("SEARCH", "LIST SUBQUERY", "SCALAR SUBQUERY", "USE TEMP B-TREE FOR ORDER BY")
    assert [step for step in plan if not step.startswith(searches)] == []


@pytest.mark.parametrize("name", ["run_up", "run_down", "pool_up", "pool_down"])
def test_records_are_read_in_key_order_within_bounds(database: Database, name: str) -> None:
    """A sort would read every body of a statement before the first could be returned."""
    bounds = "rowid>? AND rowid<?" if name.startswith("run") else "rowid=?"
    assert _plan(database, name) == [f"SEARCH t1 USING INTEGER PRIMARY KEY ({bounds})"]


def test_edits_and_deletes_are_found_without_reading_the_others(database: Database) -> None:
    (step,) = _plan(database, "revisions_run")
    assert step.startswith("SEARCH t1 USING INDEX record_revision (")


def test_news_of_marks_is_found_in_order_without_looking_at_other_members(database: Database) -> None:
    plan = _plan(database, "marks")
    assert plan[0].startswith("SEARCH t2 USING INDEX member_marks (channel_id=? AND marks>?")
    assert not any("B-TREE" in step for step in plan)


def _plan(database: Database, name: str) -> list[str]:
    statement = getattr(Statements(database), name)
    sql = statement.sql(4) if isinstance(statement, Listed) else statement
    return [step[3] for step in database.fetch(f"EXPLAIN QUERY PLAN {sql}", [0] * sql.count("?"))]
