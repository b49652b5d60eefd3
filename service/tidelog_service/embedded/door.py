"""Who comes in: one task for each socket, from the first byte to the last.

amqtt looks up, ends or overwrites a session before it authenticates who asks for it, and a take-over leaves a
clean session's old connection open and a persistent one deaf. Here a client id is authenticated first, and
belongs to one connection at a time (MQTT 3.1.1, [MQTT-3.1.4-2]).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from amqtt.errors import MQTTError
from amqtt.mqtt.connack import ConnackPacket
from amqtt.mqtt.packet import CONNECT

from tidelog.wire.topics import SERVICE
from tidelog_service.embedded.link import MALFORMED, Link, given
from tidelog_service.embedded.rules import Claim, Refusal
from tidelog_service.embedded.streams import PacketReader, PacketWriter

if TYPE_CHECKING:
    from amqtt.mqtt.disconnect import DisconnectPacket
    from amqtt.session import Session

    from tidelog_service.embedded.rules import Rules
    from tidelog_service.embedded.switch import Limits, Switch

CONNECT_SECONDS_MAX: Final = 10.0
"""How long a client may take to say who it is."""

STRANGERS_MAX: Final = 32
"""Sockets beyond the limit of connections: for those that have not yet said who they are."""

KEEP_ALIVE_FACTOR: Final = 1.5
"""A client silent for this many keep alive intervals has gone (MQTT 3.1.1, [MQTT-3.1.2-24])."""

_MQTT_5: Final = b"\x00\x04MQTT\x05"
_MQTT_5_REFUSED: Final = bytes([0x20, 3, 0, 0x84, 0])
"""CONNACK "unsupported protocol version" in the form that MQTT 5 clients read (MQTT 5, section 3.2)."""

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True, eq=False)
class Connection:
    """A socket and the task that serves it.

    Attributes:
        reader: packets in.
        writer: packets out.
        task: serves the connection.
        device: the client id, from the moment that it is claimed.
        rank: the order in which connections were authenticated; 0 until then.
        ending: whether the task is on its way out, so that it must not be interrupted (again).
    """

    reader: PacketReader
    writer: PacketWriter
    task: asyncio.Task[None] = field(init=False)
    device: str = ""
    rank: int = 0
    ending: bool = False

    def end(self) -> None:
        """Have the task end; what is queued for the socket is still sent, within a second."""
        if not self.ending:
            self.ending = True
            self.task.cancel()


class Door:
    """Lets connections in and puts them out; belongs to the thread of its event loop.

    Args:
        switch: the broker behind the door, started.
        rules: who may come in.
        limits: what is held at most.
    """

    def __init__(self, switch: Switch, rules: Rules, limits: Limits) -> None:
        """See the class."""
        self._switch = switch
        self._rules = rules
        self._limits = limits
        self._connections: set[Connection] = set()
        self._turned_away: set[asyncio.Task[None]] = set()
        self._ranks = itertools.count(1)
        self._closed = False

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a socket, or close it where there are too many; asyncio's callback for a new connection."""
        connection = Connection(
            reader=PacketReader(reader, packet_bytes_max=self._limits.packet_bytes_max),
            writer=PacketWriter(writer),
        )
        if self._closed or len(self._connections) >= self._limits.connections_max + STRANGERS_MAX:
            closing = asyncio.create_task(connection.writer.close())
            self._turned_away.add(closing)
            closing.add_done_callback(self._turned_away.discard)
            return
        self._connections.add(connection)
        connection.task = asyncio.create_task(self._serve(connection))
        connection.task.add_done_callback(lambda _: self._forget(connection))

    async def evict(self, device: str) -> None:
        """Put a device out: its connection, its session, and every byte not yet sent to it.

        Connections that have only claimed the id are put out as well: they may have been authenticated just
        before the device was revoked.

        Args:
            device: the device id.
        """
        victims = [each for each in self._connections if each.device == device]
        for each in victims:
            each.writer.discard()
        await _ended(victims)
        if not any(each.device == device for each in self._connections):
            self._switch.forget(device)

    async def close(self) -> None:
        """Put everyone out and let nobody in."""
        self._closed = True
        await _ended(list(self._connections))

    async def _serve(self, connection: Connection) -> None:
        try:
            await self._converse(connection)
        except asyncio.CancelledError:
            _accept_cancellation()
        except TimeoutError:
            _log.info("%s: no CONNECT in time", connection.writer.get_peer_info()[0])
        except MALFORMED as error:
            _log.info("%s %r: closed: %s", connection.writer.get_peer_info()[0], connection.device, error)
        except Exception:  # noqa: BLE001 - a fault of ours ends this connection, not the broker
            _log.exception("a connection failed by the broker's own fault")
        connection.ending = True
        await connection.writer.close()

    def _forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        connection.writer.abort()  # for a task that was cancelled before its first step

    async def _converse(self, connection: Connection) -> None:
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            if not await connection.reader.fetch():
                return
        if _refused_version(connection):
            return
        plugins = self._switch.plugins_manager
        handler, fresh = await Link.init_from_connect(connection.reader, connection.writer, plugins)
        if connection.reader.unread_bytes:
            raise MQTTError("a CONNECT with bytes to spare")
        connection.device = given(fresh.client_id)
        refusal = self._refusal(fresh)
        if refusal is not None:
            _log.info("%r refused: %s", fresh.client_id, refusal.name.lower())
            connection.writer.write(ConnackPacket.build(0, refusal).to_bytes())
            return
        await self._take_over(connection)
        await self._attend(connection, cast("Link", handler), self._switch.resume(fresh))

    def _refusal(self, fresh: Session) -> Refusal | None:
        client_id = given(fresh.client_id)
        claim = Claim(
            client_id=client_id,
            user=fresh.username,
            secret=fresh.password,
            will_topic=fresh.will_topic if fresh.will_flag else None,
        )
        try:
            refusal = self._rules.refusal(claim)
        except Exception:  # noqa: BLE001 - whatever it is, the client must be told
            _log.exception("%s refused: its credentials cannot be checked", client_id)
            return Refusal.UNAVAILABLE
        others = {each.device for each in self._connections if each.rank} - {SERVICE, client_id}
        if refusal is None and client_id != SERVICE and len(others) >= self._limits.connections_max:
            return Refusal.UNAVAILABLE
        return refusal

    async def _take_over(self, connection: Connection) -> None:
        """End the connections of this client id that were authenticated earlier, and wait until they have."""
        connection.rank = next(self._ranks)
        older = [
            each
            for each in self._connections
            if each.device == connection.device and 0 < each.rank < connection.rank
        ]
        for each in older:
            _log.info("%s is taken over by a new connection", each.device)
            each.writer.abort()
        await _ended(older)

    async def _attend(self, connection: Connection, link: Link, session: Session) -> None:
        link.attach(session, connection.reader, connection.writer)
        connection.reader.idle_seconds_max = session.keep_alive * KEEP_ALIVE_FACTOR or None
        left: DisconnectPacket | None = None
        try:
            left = await self._switch.attend(session, link)
        except asyncio.CancelledError:
            _accept_cancellation()
        finally:
            connection.ending = True
            await self._switch.part(session, link, left)


async def _ended(connections: list[Connection]) -> None:
    for each in connections:
        each.end()
    if connections:
        await asyncio.wait([each.task for each in connections])


def _accept_cancellation() -> None:
    """Go on after `Connection.end`: only it cancels, once, and means the connection, not the clearing up."""
    given(asyncio.current_task()).uncancel()


def _refused_version(connection: Connection) -> bool:
    if connection.reader.packet_type != CONNECT:
        raise MQTTError("[MQTT-3.1.0-1] the first packet is not a CONNECT")
    if not connection.reader.body.startswith(_MQTT_5):
        return False
    connection.writer.write(_MQTT_5_REFUSED)
    _log.info("%s speaks MQTT 5, this broker MQTT 3.1.1", connection.writer.get_peer_info()[0])
    return True
