"""What the engine needs from the world, as protocols: the store, a witness, and somebody who compresses."""

from __future__ import annotations

from tidelog_service.engine.ports.devices import KeptToken, OutboxKey, Taken, Terminal
from tidelog_service.engine.ports.logs import Chosen, Head, Log, MemberMark, NewRow, Row, Stand, Sums
from tidelog_service.engine.ports.press import Press
from tidelog_service.engine.ports.records import Records
from tidelog_service.engine.ports.store import Store
from tidelog_service.engine.ports.witness import Witness

__all__ = [
    "Chosen",
    "Head",
    "KeptToken",
    "Log",
    "MemberMark",
    "NewRow",
    "OutboxKey",
    "Press",
    "Records",
    "Row",
    "Stand",
    "Store",
    "Sums",
    "Taken",
    "Terminal",
    "Witness",
]
