"""From the worker's thread to the link's: packets to send, and a bell that wakes the link."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from tidelog_service.mqtt.ports import Token

MID_BITS: Final = 16
"""A packet id is two bytes (MQTT 3.1.1, section 2.3.1); the rest of a token is the connection's number."""

_MID_MASK: Final = (1 << MID_BITS) - 1
_PUBACK: Final = b"\x40\x02"


class Publication(NamedTuple):
    """A packet to publish at QoS 0."""

    topic: str
    payload: bytes
    retain: bool


class Acknowledgements(NamedTuple):
    """PUBACK packets (MQTT 3.1.1, section 3.4), joined, and the number of the connection they belong to."""

    connection: int
    packets: bytes


class Subscriptions(NamedTuple):
    """Topic filters to subscribe to at QoS 1, and others to unsubscribe from."""

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]


Item = Publication | Acknowledgements | Subscriptions


def token_of(connection: int, mid: int) -> Token:
    """The token of a packet id on a connection; neither is 0."""
    return Token(connection << MID_BITS | mid)


def acknowledgements(connection: int, tokens: Iterable[Token]) -> Acknowledgements:
    """What acknowledges those of the tokens that belong to the connection."""
    mids = [token & _MID_MASK for token in tokens if token >> MID_BITS == connection]
    return Acknowledgements(connection, b"".join([_PUBACK + mid.to_bytes(2, "big") for mid in mids]))


class Outgoing:
    """A queue with one reader, the link's thread, which sleeps on `fileno` together with its socket."""

    def __init__(self) -> None:
        """An empty queue."""
        self._items: deque[Item] = deque()
        self._waker, self._bell = socket.socketpair()
        self._waker.setblocking(False)
        self._bell.setblocking(False)
        self._rung = False

    def fileno(self) -> int:
        """Readable once there is something to do."""
        return self._waker.fileno()

    def put(self, item: Item) -> None:
        """Queue it and wake the reader; from any thread."""
        self._items.append(item)
        self.ring()

    def ring(self) -> None:
        """Wake the reader; from any thread. A batch rings once: the bell is a system call."""
        if not self._rung:
            self._rung = True
            # A closed bell has nobody to wake.
            with suppress(OSError):
                self._bell.send(b"\0")

    def hush(self) -> None:
        """Let the next `ring` be heard; before `take`, so that nothing put from here on is overlooked."""
        with suppress(BlockingIOError):
            self._waker.recv(4096)
        self._rung = False

    def take(self) -> Iterator[Item]:
        """What is queued, oldest first; what is put meanwhile comes too."""
        while self._items:
            yield self._items.popleft()

    def close(self) -> None:
        """Free the bell; what is queued is lost."""
        self._waker.close()
        self._bell.close()
