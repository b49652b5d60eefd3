"""Tidelog: message logs kept in step over links that are slow, costly and often gone.

What a device imports. The error tree stands in `tidelog.wire.errors`. Names are loaded when first used
(PEP 562), so that the service, which takes only the wire from here, does not load the device library.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidelog.channels import Channel
    from tidelog.device import Device
    from tidelog.replica.ports import Mark, OutboxEntry, Record
    from tidelog.replica.steps import AuditReport, Listing, Membership, Preview, Receipt, SyncReport
    from tidelog.wire.errors import Denied, ProtocolError, TidelogError, Unavailable, UsageError

__all__ = [
    "AuditReport",
    "Channel",
    "Denied",
    "Device",
    "Listing",
    "Mark",
    "Membership",
    "OutboxEntry",
    "Preview",
    "ProtocolError",
    "Receipt",
    "Record",
    "SyncReport",
    "TidelogError",
    "Unavailable",
    "UsageError",
]

_ROOMS = {
    "AuditReport": "replica.steps",
    "Channel": "channels",
    "Device": "device",
    "Listing": "replica.steps",
    "Membership": "replica.steps",
    "Mark": "replica.ports",
    "OutboxEntry": "replica.ports",
    "Preview": "replica.steps",
    "Receipt": "replica.steps",
    "Record": "replica.ports",
    "SyncReport": "replica.steps",
}


def __getattr__(name: str) -> object:
    """Load a public name from its room."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_ROOMS.get(name, 'wire.errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, loaded or not."""
    return sorted(__all__)
