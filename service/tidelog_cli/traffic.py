"""What devices took on their links: sums for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Final

from tidelog_service.engine.accounts import Account
from tidelog_service.engine.packets import Kind

TOTAL: Final = "(total)"
"""What the last row is called, as no device can be."""

_FETCHING: Final = (Kind.REQUESTS, Kind.ANSWERS, Kind.PUSHES)
"""What brings records: this is held against a PUBLISH for each of them."""

Kinds = Mapping[Kind, Account]


def total(accounts: Iterable[Account]) -> Account:
    """The sum of accounts."""
    result = Account()
    for account in accounts:
        result.add(account)
    return result


def together(devices: Iterable[Kinds]) -> dict[Kind, Account]:
    """The accounts of several devices as those of one."""
    given = list(devices)
    return {kind: total(kinds[kind] for kinds in given if kind in kinds) for kind in Kind}


def saved_percent(kinds: Kinds) -> float | None:
    """How much less records took than one PUBLISH each at QoS 1 would have, requests included.

    Returns:
        per cent with one decimal, below 0 where it was more; ``None`` where there was no record.
    """
    plain = total(kinds.values()).bytes_plain
    if not plain:
        return None
    took = total(kinds[kind] for kind in _FETCHING if kind in kinds)
    return round(100 * (1 - (took.bytes_up + took.bytes_down) / plain), 1)


def as_object(kinds: Kinds) -> dict[str, object]:
    """A device's accounts, or all of them, for programs."""
    every = {kind.value: asdict(kinds.get(kind, Account())) for kind in Kind}
    return asdict(total(kinds.values())) | {"saved_percent": saved_percent(kinds), "kinds": every}


def as_cells(device: str, kinds: Kinds) -> dict[str, str]:
    """The same as a row for people: bytes up and down, then both together for each kind."""
    all_of_it = total(kinds.values())
    saved = saved_percent(kinds)
    return {
        "device": device,
        "up": f"{all_of_it.bytes_up:,}",
        "down": f"{all_of_it.bytes_down:,}",
        **{kind.value: _bytes(kinds.get(kind, Account())) for kind in Kind},
        "plain": f"{all_of_it.bytes_plain:,}" if all_of_it.bytes_plain else "",
        "saved": "" if saved is None else f"{saved:.0f} %",
    }


def aligned(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Rows whose figures end under each other, and under the end of their heading."""
    columns = rows[0].keys() if rows else ()
    widths = {column: max(len(column), *(len(row[column]) for row in rows)) for column in columns}
    return [
        {column: cell if column == "device" else cell.rjust(widths[column]) for column, cell in row.items()}
        for row in rows
    ]


def _bytes(account: Account) -> str:
    return f"{account.bytes_up + account.bytes_down:,}" if account.packets else ""
