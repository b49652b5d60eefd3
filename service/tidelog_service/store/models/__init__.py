"""The tables (Peewee), as the newest migration leaves them.

Times are Unix milliseconds. The models are bound to no database: queries are compiled against the one that
is open, see `tidelog_service.store.database.Database.compile`.
"""

from __future__ import annotations

from typing import Final

from peewee import Model

from tidelog.wire.enrolling import Role
from tidelog_service.store.models.bodies import ON_THE_WAY, Body, Piece
from tidelog_service.store.models.devices import Clock, Dictionary, Sighting, Token, Traffic
from tidelog_service.store.models.members import Channel, Device, Founding, Generation, Member, User
from tidelog_service.store.models.records import NO_MESSAGE, REVISION, Erased, Outbox, Record, Taken
from tidelog_service.store.models.rules import RuleCount, RuleFilter, RuleKey, RuleMade

__all__ = [
    "MODELS",
    "NO_MESSAGE",
    "ON_THE_WAY",
    "REVISION",
    "Body",
    "Channel",
    "Clock",
    "Device",
    "Dictionary",
    "Erased",
    "Founding",
    "Generation",
    "Member",
    "Outbox",
    "Piece",
    "Record",
    "Role",
    "RuleCount",
    "RuleFilter",
    "RuleKey",
    "RuleMade",
    "Sighting",
    "Taken",
    "Token",
    "Traffic",
    "User",
]

MODELS: Final[tuple[type[Model], ...]] = (
    User,
    Device,
    Channel,
    Member,
    Founding,
    Record,
    Erased,
    Taken,
    Outbox,
    Token,
    Generation,
    Dictionary,
    Traffic,
    Clock,
    RuleMade,
    RuleKey,
    RuleCount,
    RuleFilter,
    Sighting,
    Body,
    Piece,
)
"""Every table, those that others refer to first."""
