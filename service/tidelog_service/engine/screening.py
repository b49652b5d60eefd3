"""From a packet to a typed question: topic, identity, payload; every refusal coded and counted.

The topic's device id is the only identity believed (SPEC.md, "Topics").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tidelog.wire import payload as wire
from tidelog.wire import topics
from tidelog.wire.audit_frames import Audit
from tidelog.wire.enrolling import Enrol
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.fetching import Fetch
from tidelog.wire.frames import Fault, Message, Messages, Presence, SyncRequest
from tidelog.wire.large import Ask, Chunk
from tidelog.wire.marks import MarkRequest
from tidelog.wire.page_frames import Resync
from tidelog.wire.parcels import Parcel
from tidelog.wire.payload import Encoding
from tidelog.wire.queries import Query
from tidelog_service.engine import parcels
from tidelog_service.engine.packets import Packet
from tidelog_service.engine.ports import Store, Terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A packet that may be served.

    Attributes:
        terminal: who asks.
        frame: what is asked; a `Presence` for the status topic.
        encoding: how to answer.
        size: bytes of the payload: what it says is work.
    """

    terminal: Terminal
    frame: (
        Messages | SyncRequest | Resync | Query | Fetch | Enrol | MarkRequest | Ask | Chunk | Audit | Presence
    )
    encoding: Encoding
    size: int = 0

    @property
    def device(self) -> str:
        """Who asks, as in a `Refusal`."""
        return self.terminal.device


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A packet that may not be served.

    Attributes:
        reason: the word that it is counted under.
        device: whom to answer, empty for nobody (the topic names no device that is known).
        fault: what to answer.
        encoding: how.
    """

    reason: str
    device: str = ""
    fault: Fault | None = None
    encoding: Encoding = Encoding.PACKED


Terminals = Callable[[str], Terminal | None]
"""The device of an id, as `Store.terminal` tells it."""


def screen(packet: Packet, store: Store, terminals: Terminals | None = None) -> Question | Refusal:
    """Decide what a packet asks and whether its sender may ask at all.

    Args:
        packet: as it came from the broker.
        store: asked for what a parcel builds on.
        terminals: asked for the device; the store is, where it is left out.

    Returns:
        the question, or why there is none. A device that does not exist or is revoked gets no answer.

    Raises:
        Unavailable: the store failed.
    """
    try:
        address = topics.parse(packet.topic)
    except ProtocolError as error:
        return _bad_topic(packet, error, store)
    terminal = (terminals or store.terminal)(address.device)
    if terminal is None or terminal.revoked:
        return Refusal(reason="stranger" if terminal is None else "revoked")
    encoding = encoding_of(packet, address)
    try:
        frame = _frame(packet.payload, address)
        if isinstance(frame, Parcel):
            frame = parcels.opened(frame, terminal, store)
    except ProtocolError as error:
        # Without it the device would go on waiting for its answer, and repeat the request.
        rid = wire.request_id(packet.payload) if address.verb == "sync" else 0
        return _refusal(error, device=terminal.device, encoding=encoding, rid=rid)
    return Question(terminal=terminal, frame=frame, encoding=encoding, size=len(packet.payload))


def _bad_topic(packet: Packet, error: ProtocolError, store: Store) -> Refusal:
    """A device that is known learns what is wrong with the rest of its topic; others get nothing."""
    prefix, _, rest = packet.topic.partition("/")
    device = rest.partition("/")[0]
    terminal = store.terminal(device) if prefix == topics.PREFIX and topics.is_device(device) else None
    if terminal is None or terminal.revoked:
        return Refusal(reason="topic")
    return _refusal(error, device=device, encoding=Encoding.JSON)


def _refusal(error: ProtocolError, *, device: str, encoding: Encoding, rid: int = 0) -> Refusal:
    fault = Fault(code=error.wire_code, rid=rid, text=str(error), version=error.highest_version)
    return Refusal(reason=error.wire_code.word, device=device, fault=fault, encoding=encoding)


def encoding_of(packet: Packet, address: topics.Address) -> Encoding:
    """How to answer a packet: plain messages in JSON, others as they were asked."""
    plain = bool(address.channel)
    return Encoding.JSON if plain or packet.payload[:1] == b"{" else Encoding.PACKED


def _frame(
    payload: bytes, address: topics.Address
) -> (
    Messages
    | Parcel
    | SyncRequest
    | Resync
    | Query
    | Fetch
    | Enrol
    | MarkRequest
    | Ask
    | Chunk
    | Audit
    | Presence
):
    if address.channel:
        message = Message(n=address.n, channel=address.channel, body=payload)
        return Messages(outbox=b"", messages=(message,))
    if address.verb == "status":
        return _presence(payload)
    frame, _ = wire.decode(payload)
    if address.verb == "msg" and isinstance(frame, Messages | Parcel):
        return frame
    if address.verb == "sync" and isinstance(
        frame, SyncRequest | Resync | Query | Fetch | Enrol | MarkRequest | Ask | Chunk | Audit
    ):
        return frame
    raise ProtocolError(
        f"{type(frame).__name__} does not belong on {address.verb}", wire_code=Code.UNSUPPORTED
    )


def _presence(payload: bytes) -> Presence:
    presence = Presence.of(payload)
    if presence is None:
        raise ProtocolError("a status is one of 0, 1 and 2")
    return presence
