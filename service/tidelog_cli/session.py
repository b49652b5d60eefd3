"""A device for the length of a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from tidelog.device import Device
from tidelog_cli.identity import Identity
from tidelog_cli.terminal import note


@contextmanager
def device_at_rest(identity: Identity, *, live: bool) -> Iterator[Device]:
    """A device that connects with the first call that needs the link.

    Args:
        identity: who it is.
        live: whether records are pushed to it as they are stored.
    """
    who = identity.online()
    with closing(Device(who.url, device=who.device, secret=who.secret, store=who.store, live=live)) as device:
        device.on_error(lambda error: note(f"trouble: {error}"))
        yield device


@contextmanager
def opened_device(identity: Identity, *, live: bool) -> Iterator[Device]:
    """A device that connects in the background; troubles that no call waits for become notes.

    Args:
        identity: who it is.
        live: whether records are pushed to it as they are stored.
    """
    with device_at_rest(identity, live=live) as device, device:
        yield device
