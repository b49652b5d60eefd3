"""What devices took on their links: sums for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    return {
        kind: total(kinds[kind] for kinds in given if kind in kinds)
        for kind in Kind
        if any(kind in kinds for kinds in given)
    }


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


def as_rows(device: str, kinds: Kinds) -> Iterator[dict[str, str]]:
    """The same for people: a row for all of it, then an indented one for each kind that there was.

    Kinds stand in rows, not in columns: so a line fits a terminal of 80 characters.
    """
    saved = saved_percent(kinds)
    yield _row(device, total(kinds.values())) | {"saved": "" if saved is None else f"{saved:.0f} %"}
    for kind in Kind:
        if kind in kinds:
            yield _row(f"  {kind}", kinds[kind]) | {"saved": ""}


def _row(name: str, account: Account) -> dict[str, str]:
    return {
        "device": name,
        "packets": f"{account.packets:,}",
        "up": f"{account.bytes_up:,}",
        "down": f"{account.bytes_down:,}",
        "plain": f"{account.bytes_plain:,}" if account.bytes_plain else "",
    }


def aligned(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Rows whose figures end under each other and under their headings, which are the keys: padded too."""
    columns = [column for column in rows[0] if column != "device"] if rows else []
    widths = {column: max(len(column), *(len(row[column]) for row in rows)) for column in columns}
    return [
        {"device": row["device"]}
        | {name.rjust(width): row[name].rjust(width) for name, width in widths.items()}
        for row in rows
    ]
