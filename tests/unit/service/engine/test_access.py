"""Who may do what: every path to the records of a channel, for everybody, in one table.

A new path belongs into `READS` or `WRITES`; a new kind of person into `World` and what is expected of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from simulated.bench import Bench
from simulated.pair import Pair
from tidelog.codec import offered
from tidelog.codec.parcels import Ground, pack
from tidelog.codec.preset import Preset
from tidelog.replica.tuning import Tuning
from tidelog.wire import payload as wire
from tidelog.wire.anyframe import Frame
from tidelog.wire.enrolling import Action, Enrol, Role, Roster
from tidelog.wire.errors import Code
from tidelog.wire.frames import (
    KIND_DELETE,
    KIND_EDIT,
    Delta,
    Fault,
    Message,
    Messages,
    Presence,
    Push,
    Receipts,
    SyncRequest,
)
from tidelog.wire.large import Ask, Portion
from tidelog.wire.payload import Encoding
from tidelog.wire.primed import PrimedPush
from tidelog.wire.queries import Depth, Estimate, Filter, Manifest, Query
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import delete_body
from tidelog.wire.statements import Statement
from tidelog.wire.topics import messages_topic, put_topic, sync_topic
from tidelog_service.engine.core import Engine
from tidelog_service.engine.enrolling import Enroller
from tidelog_service.engine.packets import Packet, Reply
from tidelog_service.engine.rolls import Policy
from tidelog_service.store.database import open_database
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry
from tidelog_service.store.rolls import RollStore

NOW = 1_760_000_000_000

MEMBERS = ("owner", "writer", "reader", "newcomer")
OTHERS = ("former", "future", "stranger")
PEOPLE = (*MEMBERS, *OTHERS, "revoked")

ALL = {1, 2, 3, 4}
SEEN: dict[str, dict[str, set[int]]] = {
    "boat": {**dict.fromkeys(MEMBERS, ALL), **{person: set[int]() for person in (*OTHERS, "revoked")}},
    "hall": {
        **dict.fromkeys(("owner", "writer", "reader"), ALL),
        "newcomer": {4},
        "former": {1, 2},
        **{person: set[int]() for person in ("future", "stranger", "revoked")},
    },
}
"""The records that a person may read; `boat` has no windows, `hall` has."""


class World:
    """Two channels of four records: one person wrote the second and left, one joined before the fourth."""

    def __init__(self, store: RecordStore, registry: Registry, rolls: RollStore) -> None:
        self.registry = registry
        self.engine = Engine(store, enroller=Enroller(rolls, Policy(create="nobody")))
        for person in PEOPLE:
            registry.add_user(person)
            registry.add_device(person, person, secret="x")
        registry.revoke_device("revoked")
        for channel in SEEN:
            registry.add_channel(channel, ["writer", "former", "revoked"], windowed=channel == "hall")
            registry.join(channel, "owner", role=Role.OWNER)
            registry.join(channel, "reader", role=Role.READER)
            self.write("writer", channel)
            self.write("former", channel)
            registry.leave(channel, "former")
            self.write("writer", channel)
            registry.join(channel, "newcomer")
            self.write("writer", channel)
        self.engine.flush(NOW + 1_000)

    def write(self, device: str, channel: str, body: bytes = b"the tide is high, mind the ropes") -> None:
        (reply,) = self.send(Packet(messages_topic(device, channel), body))
        frame, _ = wire.decode(reply.payload)
        assert isinstance(frame, Receipts)
        assert frame.receipts

    def send(self, *packets: Packet) -> list[Reply]:
        return list(self.engine.handle(packets, NOW))

    def ask(self, device: str, frame: Frame, encoding: Encoding, *, verb: str = "sync") -> Frame | None:
        topic = sync_topic(device) if verb == "sync" else messages_topic(device)
        return only(self.send(Packet(topic, wire.encode(frame, encoding))), device)


def only(replies: list[Reply], device: str) -> Frame | None:
    found = [wire.decode(reply.payload)[0] for reply in replies if reply.device == device]
    assert len(found) == len(replies), "nobody else is answered"
    assert len(found) <= 1
    return found[0] if found else None


@pytest.fixture
def world() -> Iterator[World]:
    with open_database(":memory:") as database:
        registry = Registry(database, now_ms=lambda: NOW)
        yield World(RecordStore(database), registry, RollStore(database))
        registry.close()


# Reading: each path gives the seqs of the channel that the device gets

Read = Callable[[World, str, str], set[int]]


def delta(encoding: Encoding, *, named: bool) -> Read:
    def read(world: World, device: str, channel: str) -> set[int]:
        stated = (Statement(channel=channel, epoch=0),) if named else ()
        answer = world.ask(device, SyncRequest(rid=7, statements=stated, everywhere=not named), encoding)
        if device == "revoked":
            assert answer is None
            return set()
        assert isinstance(answer, Delta)
        parts = [part for part in answer.parts if part.channel == channel]
        assert bool(parts) == bool(SEEN[channel][device]), "not even its head is told"
        assert answer.gone == ((channel,) if named and not parts else ())
        return {record.seq for part in parts for record in part.records}

    return read


CHOOSING = Filter(since=1, authors=("writer", "former"))
"""Which all records pass."""


def filtered(world: World, device: str, channel: str) -> set[int]:
    answer = world.ask(device, Query(request=SyncRequest(rid=7), filter=CHOOSING), Encoding.PACKED)
    if device == "revoked":
        assert answer is None
        return set()
    assert isinstance(answer, Delta)
    return {record.seq for part in answer.parts if part.channel == channel for record in part.records}


def listed(encoding: Encoding) -> Read:
    def read(world: World, device: str, channel: str) -> set[int]:
        """The numbers that a manifest lists."""
        answer = world.ask(device, Query(request=SyncRequest(rid=7), depth=Depth.MANIFEST), encoding)
        if device == "revoked":
            assert answer is None
            return set()
        assert isinstance(answer, Manifest)
        return {seq for one in answer.channels if one.channel == channel for seq in one.seqs}

    return read


def body(world: World, device: str, channel: str) -> set[int]:
    """The bodies of records by their numbers."""
    told = world.ask("owner", SyncRequest(rid=7), Encoding.PACKED)
    assert isinstance(told, Delta)
    (epoch,) = (part.epoch for part in told.parts if part.channel == channel)
    found = set()
    for seq in range(1, 7):
        answer = world.ask(device, Ask(rid=7, channel=channel, epoch=epoch, seq=seq), Encoding.PACKED)
        assert isinstance(answer, Portion | Fault | None)
        if isinstance(answer, Portion):
            found.add(seq)
        elif isinstance(answer, Fault):
            assert answer.code is (Code.NO_RECORD if SEEN[channel][device] else Code.NO_CHANNEL)
    return found


def held(bench: Bench, channel: str) -> set[int]:
    holding = bench.machine.holdings.get(channel)
    epoch = 0 if holding is None else holding.epoch
    return {record.seq for record in bench.store.records(channel, epoch, start=1, stop=2**53, limit=99)}


def reader(world: World, device: str) -> Pair:
    return Pair(Bench(tuning=Tuning(live=False), device=device, pages=True, codecs=offered()), world.engine)


def page(world: World, device: str, channel: str) -> set[int]:
    """In full, everything."""
    pair = reader(world, device)
    pair.bench.sync()
    pair.run()
    return held(pair.bench, channel)


def named_page(world: World, device: str, channel: str) -> set[int]:
    pair = reader(world, device)
    pair.bench.sync(channel)
    pair.run()
    return held(pair.bench, channel)


def token(world: World, device: str, channel: str) -> set[int]:
    """By a token that was given before the device dropped all that it had."""
    pair = reader(world, device)
    pair.bench.sync()
    pair.run()
    machine = pair.bench.machine
    pair.bench.do(machine.drop(channel, RangeSet([(1, 2**53)])))
    pair.bench.now += 10
    pair.bench.sync()
    pair.run()
    return held(pair.bench, channel)


def live(encoding: Encoding, *, plain: bool) -> Read:
    """What is pushed when a record more is written, the fifth."""

    def read(world: World, device: str, channel: str) -> set[int]:
        request = SyncRequest(rid=7, live=True, plain=plain, everywhere=False)
        world.ask(device, request, encoding)
        if encoding is Encoding.PACKED:
            world.send(Packet(f"tl1/{device}/status", Presence.LIVE.payload))
        world.write("writer", channel)
        pushed = [one for one in world.engine.flush(NOW + 1_000) if one.device == device]
        frames = [wire.decode(one.payload)[0] for one in pushed]
        primed = encoding is Encoding.PACKED and not plain
        assert all(isinstance(frame, PrimedPush if primed else Push) for frame in frames)
        return {5} if frames else set()

    return read


READS: dict[str, Read] = {
    "delta": delta(Encoding.PACKED, named=False),
    "named delta": delta(Encoding.PACKED, named=True),
    "JSON": delta(Encoding.JSON, named=False),
    "named JSON": delta(Encoding.JSON, named=True),
    "filter": filtered,
    "manifest": listed(Encoding.PACKED),
    "JSON manifest": listed(Encoding.JSON),
    "body": body,
    "page": page,
    "named page": named_page,
    "token": token,
    "push": live(Encoding.PACKED, plain=True),
    "primed push": live(Encoding.PACKED, plain=False),
    "JSON push": live(Encoding.JSON, plain=True),
}


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("person", PEOPLE)
def test_a_preview_counts_what_a_person_may_read(world: World, person: str, encoding: Encoding) -> None:
    answer = world.ask(person, Query(request=SyncRequest(rid=7), depth=Depth.PREVIEW), encoding)
    if person == "revoked":
        assert answer is None
        return
    assert isinstance(answer, Estimate)
    assert answer.records == sum(len(SEEN[channel][person]) for channel in SEEN)


@pytest.mark.parametrize("person", [*MEMBERS, *OTHERS])
def test_an_audit_compares_what_a_person_may_read_and_tells_no_more(world: World, person: str) -> None:
    """Whoever holds all of that is told so; what lies outside of a window is not even counted as lacking."""
    pair = reader(world, person)
    pair.bench.sync()
    pair.run()
    report = pair.audit()
    assert (report.complete, report.equal) == (True, True)
    assert report.records == sum(len(SEEN[channel][person]) for channel in SEEN)


@pytest.mark.parametrize("channel", SEEN)
@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("path", READS)
def test_a_person_reads_what_that_person_may(world: World, path: str, person: str, channel: str) -> None:
    expected = SEEN[channel][person]
    if path.endswith("push"):
        # The device that wrote it gets none.
        expected = {5} if person in ("owner", "reader", "newcomer") else set()
    assert READS[path](world, person, channel) == expected


@pytest.mark.parametrize("channel", SEEN)
@pytest.mark.parametrize("path", ["page", "token", "delta", "JSON"])
def test_a_future_member_reads_it_once_one_is(world: World, path: str, channel: str) -> None:
    """All of it, or with windows what is written from then on; the token of before is of no help."""
    pair = reader(world, "future")
    pair.bench.sync()
    pair.run()
    assert held(pair.bench, channel) == set()
    world.registry.join(channel, "future")
    world.write("writer", channel)
    visible = {5} if channel == "hall" else ALL | {5}
    if path in ("page", "token"):
        pair = pair if path == "token" else reader(world, "future")
        pair.bench.now += 10
        pair.bench.sync()
        pair.run()
        assert held(pair.bench, channel) == visible
        return
    encoding = Encoding.JSON if path == "JSON" else Encoding.PACKED
    answer = world.ask("future", SyncRequest(rid=7), encoding)
    assert isinstance(answer, Delta)
    assert {record.seq for part in answer.parts for record in part.records} == visible


@pytest.mark.parametrize("channel", SEEN)
def test_who_has_left_gets_nothing_more_by_an_old_token(world: World, channel: str) -> None:
    pair = reader(world, "newcomer")
    pair.bench.sync()
    pair.run()
    before = held(pair.bench, channel)
    world.registry.leave(channel, "newcomer")
    world.write("writer", channel, b"behind the newcomer's back")
    pair.bench.now += 10
    pair.bench.sync()
    pair.run()
    assert held(pair.bench, channel) == before == SEEN[channel]["newcomer"]


# Writing: each path gives what became of it: "done", the word of a code, or "silence"

Write = Callable[[World, str, str], str]


def outcome(answer: Frame | None) -> str:
    match answer:
        case None:
            return "silence"
        case Receipts(rejections=(rejection, *_)):
            assert not answer.receipts
            return rejection.code.word
        case Receipts():
            return "done"
        case Roster():
            return "done" if answer.epoch or answer.role is not None else "nothing"
        case Fault():
            return answer.code.word
    raise AssertionError(answer)


def message(kind: int = 0, body: bytes = b"x", *, encoding: Encoding = Encoding.PACKED) -> Write:
    def write(world: World, device: str, channel: str) -> str:
        sent = Message(n=1, channel=channel, body=body, kind=kind, sent=NOW)
        outbox = b"abcd" if encoding is Encoding.PACKED else b""
        return outcome(world.ask(device, Messages(outbox=outbox, messages=(sent,)), encoding, verb="msg"))

    return write


def plain(world: World, device: str, channel: str) -> str:
    return outcome(only(world.send(Packet(messages_topic(device, channel), b"x")), device))


def put(world: World, device: str, channel: str) -> str:
    return outcome(only(world.send(Packet(put_topic(device, 1, channel), b"x")), device))


def parcel(world: World, device: str, channel: str) -> str:
    """It builds on record 2, whose body the writer has guessed."""
    body = b"the tide is high, mind the ropes"
    preset = Preset(text=body + b"\0", time=NOW, seqs=(2,), full=False)
    sent = Message(n=1, channel=channel, body=body, sent=NOW)
    frame = pack(Messages(outbox=b"abcd", messages=(sent,)), Ground(channel=channel, preset=preset, floor=1))
    assert frame is not None
    assert frame.basis is not None
    return outcome(world.ask(device, frame, Encoding.PACKED, verb="msg"))


def edit(seq: int) -> Write:
    told = {"voids": [[seq, seq + 1]], "text": "y"}

    def write(world: World, device: str, channel: str) -> str:
        payload = {"type": "message", "channel": channel, "kind": KIND_EDIT, **told}
        return outcome(only(world.send(Packet(messages_topic(device), json.dumps(payload).encode())), device))

    return write


def enrol(action: Action, *users: str, encoding: Encoding = Encoding.PACKED) -> Write:
    def write(world: World, device: str, channel: str) -> str:
        frame = Enrol(rid=7, action=action, channel=channel, users=users)
        return outcome(world.ask(device, frame, encoding))

    return write


NOT_THERE = {**dict.fromkeys(OTHERS, "no_channel"), "revoked": "silence"}
WRITERS = {
    **dict.fromkeys(("owner", "writer", "newcomer"), "done"),
    "reader": "no_channel",
    **NOT_THERE,
}
OF_THE_WRITER = {**WRITERS, "owner": "denied", "newcomer": "denied", "newcomer in hall": "no_record"}
"""What is about a record that the writer wrote before the newcomer came."""

OWNERS = {"owner": "done", **dict.fromkeys(("writer", "reader", "newcomer"), "denied"), **NOT_THERE}
LEAVERS = {
    **dict.fromkeys(("writer", "reader", "newcomer"), "done or nothing"),
    "owner": "denied",
    **dict.fromkeys(("future", "stranger"), "nothing"),
    "former": "done or nothing",
    "revoked": "silence",
}

WRITES: dict[str, tuple[Write, dict[str, str]]] = {
    "messages": (message(), WRITERS),
    "JSON": (message(encoding=Encoding.JSON), WRITERS),
    "msg": (plain, WRITERS),
    "put": (put, WRITERS),
    "parcel": (
        parcel,
        {**WRITERS, **dict.fromkeys((*OTHERS, "reader", "newcomer in hall"), "context")},
    ),
    "edit": (edit(3), OF_THE_WRITER),
    "edit of who has left": (
        edit(2),
        {**OF_THE_WRITER, "writer": "denied"},
    ),
    "delete": (
        message(KIND_DELETE, delete_body(RangeSet([(3, 4)]))),
        {**OF_THE_WRITER, "owner": "done"},
    ),
    "delete of who has left": (
        message(KIND_DELETE, delete_body(RangeSet([(2, 3)]))),
        {**OF_THE_WRITER, "owner": "done", "writer": "denied"},
    ),
    "invite": (enrol(Action.INVITE, "stranger"), OWNERS),
    "invite in JSON": (enrol(Action.INVITE, "stranger", encoding=Encoding.JSON), OWNERS),
    "remove": (enrol(Action.REMOVE, "writer"), OWNERS),
    "leave": (enrol(Action.LEAVE), LEAVERS),
}


@pytest.mark.parametrize("channel", SEEN)
@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("path", WRITES)
def test_a_person_does_what_that_person_may(world: World, path: str, person: str, channel: str) -> None:
    write, expected = WRITES[path]
    told = expected.get(f"{person} in {channel}", expected[person])
    assert write(world, person, channel) in told.split(" or ")


@pytest.mark.parametrize("person", [*OTHERS, "reader"])
@pytest.mark.parametrize("path", WRITES)
def test_what_may_not_be_is_answered_as_if_there_were_no_such_channel(
    world: World, path: str, person: str
) -> None:
    """But to a reader, who sees it, by what only members may do."""
    write, expected = WRITES[path]
    if expected[person] in ("denied", "done or nothing"):
        pytest.skip("this person knows the channel")
    assert write(world, person, "boat") == write(world, person, "nowhere")


def test_a_channel_is_made_where_the_operator_lets_people(world: World) -> None:
    frame = Enrol(rid=7, action=Action.CREATE, channel="mine")
    for person in PEOPLE:
        answer = world.ask(person, frame, Encoding.PACKED)
        assert outcome(answer) == ("silence" if person == "revoked" else Code.DENIED.word)
