"""Batches of messages: once each, densely numbered, always answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated.shelf import USERS, Shelf
from tidelog.wire import payload as wire
from tidelog.wire.digest import answer_digest
from tidelog.wire.errors import Code, Unavailable
from tidelog.wire.frames import Message, Receipt, Rejection
from tidelog.wire.limits import BODY_BYTES_MAX, MESSAGE_WINDOW, PACKET_BYTES_MAX
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.ingest import Draft, Ingested, ingest
from tidelog_service.engine.ports import OutboxKey, Store, Terminal
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry

OUTBOX = b"\x01\x02\x03\x04"


@pytest.fixture
def store() -> Shelf:
    return Shelf({"room": ("ann", "bob"), "theirs": ("cem",)})


def draft(
    n: int,
    body: bytes = b"hello",
    *,
    channel: str = "room",
    device: str = "ann-phone",
    outbox: bytes = OUTBOX,
    kind: int = 0,
    encoding: Encoding = Encoding.PACKED,
) -> Draft:
    user = device.partition("-")[0]
    terminal = Terminal(device=device, user_id=USERS[user], user=user)
    message = Message(n=n, channel=channel, body=body, kind=kind, sent=500)
    return Draft(terminal, outbox, message, encoding)


def plain(body: bytes, *, channel: str = "room") -> Draft:
    made = draft(0, body, channel=channel, outbox=b"", encoding=Encoding.JSON)
    return made._replace(message=replace(made.message, sent=0))


def take(store: Store, *drafts: Draft, now_ms: int = 9_000) -> Ingested:
    """Ingest, and see that every answer can be written and read."""
    ingested = ingest(drafts, store, now_ms)
    for told in ingested.answers:
        payload = wire.encode(told.receipts, told.encoding)
        assert len(payload) <= PACKET_BYTES_MAX
        assert wire.decode(payload)[1] is told.encoding
    return ingested


def receipts(ingested: Ingested) -> list[Receipt]:
    return [receipt for told in ingested.answers for receipt in told.receipts.receipts]


def codes(ingested: Ingested) -> list[tuple[int, Code]]:
    return [(one.n, one.code) for told in ingested.answers for one in told.receipts.rejections]


def bodies(store: Shelf, channel: str = "room") -> list[bytes]:
    kept = store.records[store.logs[channel].id]
    assert sorted(kept) == list(range(1, len(kept) + 1)), "numbers are dense"
    return [kept[seq].body for seq in sorted(kept)]


def test_a_message_is_stored_with_the_next_number_and_the_services_time(store: Shelf) -> None:
    first = take(store, draft(1, b"one"))
    digest = answer_digest(draft(1, b"one").message)
    assert receipts(first) == [Receipt(n=1, channel="room", epoch=7, seq=1, time=9_000, digest=digest)]
    (told,) = first.answers
    assert (told.device, told.receipts.outbox) == ("ann-phone", OUTBOX)
    assert (told.receipts.highest, told.receipts.author) == (1, "ann")
    (kept,) = first.stored
    assert (kept.row.seq, kept.row.sent, kept.author, kept.device) == (1, 500, "ann", "ann-phone")
    assert receipts(take(store, draft(2, b"two")))[0].seq == 2
    assert bodies(store) == [b"one", b"two"]


def test_time_never_falls_with_the_number(store: Shelf) -> None:
    """The clock steps back between batches."""
    take(store, draft(1), now_ms=9_000)
    assert receipts(take(store, draft(2), now_ms=4_000))[0].time == 9_000
    assert receipts(take(store, draft(3), now_ms=9_001))[0].time == 9_001


def test_a_device_that_does_not_say_its_time_is_believed_to_agree(store: Shelf) -> None:
    (kept,) = take(store, plain(b"hello")).stored
    assert kept.row.sent == kept.row.time == 9_000


def test_a_message_sent_again_gets_the_same_receipt(store: Shelf) -> None:
    first = take(store, draft(1), now_ms=9_000)
    again = take(store, draft(1), now_ms=12_000)
    assert receipts(first) == receipts(again)
    assert (again.duplicates, again.stored) == (1, ())
    assert bodies(store) == [b"hello"]


def test_a_message_that_comes_twice_in_a_batch_is_stored_and_answered_once(store: Shelf) -> None:
    ingested = take(store, draft(2, b"two"), draft(1, b"one"), draft(2, b"two"))
    assert [receipt.n for receipt in receipts(ingested)] == [1, 2]
    assert bodies(store) == [b"two", b"one"], "in the order of arrival"
    assert ingested.duplicates == 1


@pytest.mark.parametrize("together", [True, False])
def test_a_number_used_for_another_message_is_a_conflict(store: Shelf, together: bool) -> None:  # noqa: FBT001 - a parameter
    """Dropping it as a duplicate would lose it in silence."""
    batches = [[draft(1, b"one"), draft(1, b"other")]] if together else [[draft(1)], [draft(1, b"other")]]
    for batch in batches:
        ingested = take(store, *batch)
    assert codes(ingested) == [(1, Code.CONFLICT)]
    assert ingested.answers[0].receipts.highest == 1
    assert ingested.rejections == {Code.CONFLICT: 1}
    assert len(bodies(store)) == 1


@pytest.mark.parametrize("field", ["kind", "sent", "content_type", "channel", "body"])
def test_whatever_differs_makes_another_message(store: Shelf, field: str) -> None:
    store.members["elsewhere"] = ("ann",)
    store.logs["elsewhere"] = replace(store.logs["room"], id=9, name="elsewhere")
    store.records[9] = {}
    first = draft(1)
    other = {"kind": 16, "sent": 501, "content_type": "a/b", "channel": "elsewhere", "body": b"x"}[field]
    take(store, first)
    again = first._replace(message=replace(first.message, **{field: other}))
    assert codes(take(store, again)) == [(1, Code.CONFLICT)]


@pytest.mark.parametrize("together", [True, False])
def test_an_answer_names_the_message_that_it_is_to(store: Shelf, together: bool) -> None:  # noqa: FBT001 - a parameter
    """Three messages with one number, of a device that was set back twice: each learns its own fate."""
    drafts = [draft(1, b"one"), draft(1, b"other"), draft(1, b"third"), draft(1, b"other")]
    told = [take(store, *drafts)] if together else [take(store, each) for each in drafts]
    stored = {one.digest for each in told for one in receipts(each)}
    assert stored == {answer_digest(drafts[0].message)}
    refused = {one for each in told for answer in each.answers for one in answer.receipts.rejections}
    assert refused == {
        Rejection(n=1, code=Code.CONFLICT, digest=answer_digest(each.message)) for each in drafts[1:3]
    }
    assert sum(len(each.answers) for each in told) == (1 if together else 4)


def test_a_refusal_names_the_message_that_is_refused(store: Shelf) -> None:
    far = draft(MESSAGE_WINDOW + 9)
    mine = draft(1, channel="nowhere")
    refused = [one for answer in take(store, mine, far).answers for one in answer.receipts.rejections]
    assert [one.digest for one in refused] == [answer_digest(mine.message), answer_digest(far.message)]


def test_a_number_on_a_plain_topic_has_the_digest_of_what_is_known_there(store: Shelf) -> None:
    """Kind 0, no time, no content type: a script can compute it from channel and body."""
    made = draft(3, outbox=b"", encoding=Encoding.JSON)
    (receipt,) = receipts(take(store, made._replace(message=replace(made.message, sent=0))))
    assert receipt.digest == answer_digest(Message(n=3, channel="room", body=b"hello"))
    assert receipts(take(store, plain(b"none")))[0].digest == b""


def test_devices_and_outboxes_number_for_themselves(store: Shelf) -> None:
    take(store, draft(1, b"a"), draft(1, b"b", device="ann-tab"), draft(1, b"c", outbox=b"\x09" * 4))
    assert bodies(store) == [b"a", b"b", b"c"]


def test_a_channel_that_is_not_mine_is_answered_as_one_that_is_not_there(store: Shelf) -> None:
    for channel, n in (("theirs", 1), ("nowhere", 2)):
        ingested = take(store, draft(n, channel=channel))
        assert codes(ingested) == [(n, Code.NO_CHANNEL)]
        assert ingested.answers[0].receipts.highest == n
    assert bodies(store, "theirs") == []


def test_a_refused_message_sent_again_is_refused_alike(store: Shelf) -> None:
    for _ in range(2):
        again = take(store, draft(1, channel="theirs"), draft(1, channel="theirs"))
        assert codes(again) == [(1, Code.NO_CHANNEL)]


def test_a_refused_number_is_spent(store: Shelf) -> None:
    """Else a hole would stay; a message that may be stored by now gets a number of its own."""
    take(store, draft(1, channel="theirs"))
    assert codes(take(store, draft(1, b"other"))) == [(1, Code.CONFLICT)]
    store.members["theirs"] = ("ann", "cem")
    assert codes(take(store, draft(1, channel="theirs"))) == [(1, Code.CONFLICT)]
    assert receipts(take(store, draft(2, channel="theirs")))[0].seq == 1


@pytest.mark.parametrize("kind", [4, 15])
def test_reserved_kinds_are_not_stored(store: Shelf, kind: int) -> None:
    assert codes(take(store, draft(1, kind=kind))) == [(1, Code.UNSUPPORTED)]
    assert receipts(take(store, draft(2, kind=16)))


def test_a_body_over_the_limit_is_refused(store: Shelf) -> None:
    """On a plain topic no decoder has looked at its size."""
    assert codes(take(store, plain(b"x" * (BODY_BYTES_MAX + 1)))) == [(0, Code.LIMIT)]
    assert receipts(take(store, plain(b"x" * BODY_BYTES_MAX)))


def test_numbers_come_in_any_order_within_the_window(store: Shelf) -> None:
    for n in (5, 2, MESSAGE_WINDOW, 1, 4, 3):
        assert receipts(take(store, draft(n, b"%d" % n)))[0].n == n
    assert len(bodies(store)) == 6


@pytest.mark.parametrize("channel", ["room", "theirs", "nowhere"])
def test_a_number_far_above_the_others_is_not_taken_and_not_spent(store: Shelf, channel: str) -> None:
    take(store, draft(1))
    far = 1 + MESSAGE_WINDOW + 1
    assert codes(take(store, draft(far, channel=channel))) == [(far, Code.WINDOW)]
    assert codes(take(store, draft(2**53 - 1, channel=channel))) == [(2**53 - 1, Code.WINDOW)]
    key = OutboxKey("ann-phone", OUTBOX)
    assert store.numbers([key])[key] == RangeSet([(1, 2)])
    assert receipts(take(store, draft(far - 1)))


def test_holes_that_a_device_never_fills_do_not_stop_it(store: Shelf) -> None:
    """A device set back to a backup skips numbers; its outbox must go on for ever."""
    take(store, draft(1, b"first"))
    n = 1
    for _ in range(5):
        n += MESSAGE_WINDOW
        assert receipts(take(store, draft(n)))[0].n == n
    key = OutboxKey("ann-phone", OUTBOX)
    assert store.numbers([key])[key].runs[0] == (1, n - MESSAGE_WINDOW + 1)
    assert codes(take(store, draft(2, b"too late"))) == [(2, Code.CONFLICT)], "refused, not lost in silence"


def test_no_number_that_a_device_may_still_send_is_taken_for_used(store: Shelf) -> None:
    """It holds back what is a window above the lowest number that waits (see the device's outbox)."""
    take(store, draft(1))
    lowest = 2
    take(store, draft(lowest + MESSAGE_WINDOW - 1, b"the highest that it sends"))
    assert receipts(take(store, draft(lowest, b"late")))[0].n == lowest
    take(store, draft(3 + MESSAGE_WINDOW, b"further up"))
    assert codes(take(store, draft(3, b"too late"))) == [(3, Code.CONFLICT)]


def test_a_member_who_left_learns_nothing_more_of_the_channel(store: Shelf) -> None:
    """Even where another's message in the same batch shows that it is there."""
    take(store, draft(1))
    store.members["room"] = ("bob",)
    ingested = take(store, draft(1), draft(1, device="bob-phone"))
    assert codes(ingested) == [(1, Code.NO_CHANNEL)]
    assert [told.device for told in ingested.answers if told.receipts.receipts] == ["bob-phone"]


def test_plain_messages_have_no_number_and_are_stored_as_often_as_they_come(store: Shelf) -> None:
    ingested = take(store, plain(b"a"), plain(b"a"), plain(b"b", channel="theirs"))
    assert [receipt.seq for receipt in receipts(ingested)] == [1, 2]
    assert codes(ingested) == [(0, Code.NO_CHANNEL)]
    assert ingested.answers[0].receipts.highest == 0


def test_plain_and_numbered_messages_of_a_script_are_answered_apart(store: Shelf) -> None:
    """A receipt without a number and one with a number do not go together."""
    numbered = draft(4, b"b", outbox=b"", encoding=Encoding.JSON)
    ingested = take(store, plain(b"a"), numbered, plain(b"c"))
    told = [[receipt.n for receipt in one.receipts.receipts] for one in ingested.answers]
    assert told == [[0, 0], [4]]


@pytest.mark.parametrize("encoding", list(Encoding))
def test_many_receipts_are_split_so_that_they_fit(encoding: Encoding) -> None:
    names = [f"{n:04}/{'x' * 59}" for n in range(1_200)]
    store = Shelf(dict.fromkeys(names, ("ann",)))
    drafts = [draft(n, channel=name, encoding=encoding) for n, name in enumerate(names, 1)]
    ingested = take(store, *drafts)
    assert [receipt.n for receipt in receipts(ingested)] == list(range(1, 1_201))
    assert (
        codes(take(store, *(draft(n, b"other", encoding=encoding) for n in range(1, 1_201))))[-1][0] == 1_200
    )


def test_a_store_that_fails_keeps_nothing_and_says_so(database: Database) -> None:
    class Failing(RecordStore):
        def remember(self, *_taken: object) -> None:
            raise Unavailable("the disk failed", code="store_failed")

    store = RecordStore(database)
    terminal = store.terminal("ann-phone")
    assert terminal is not None
    batch = [draft(1, channel=_new_room(database))._replace(terminal=terminal)]
    with pytest.raises(Unavailable):
        ingest(batch, Failing(database), 9_000)
    assert receipts(take(store, *batch))[0].seq == 1


# Any batches, on the real store

_serials = count(1)


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """A database with ann and bob; each example makes a room of its own."""
    with open_database(":memory:") as made:
        registry = Registry(made)
        for user in ("ann", "bob"):
            registry.add_user(user)
            registry.add_device(user, f"{user}-phone", secret="secret")
        registry.close()
        yield made


@given(seed=st.integers(0, 2**32))
def test_any_batches_are_stored_once_each_and_numbered_densely(database: Database, seed: int) -> None:
    """Repeats, disorder, conflicts, failing commits: (device, outbox, n) is stored once, receipts agree."""
    rng = Random(seed)
    room = _new_room(database)
    drafts = _any_drafts(rng, room, RecordStore(database))
    told: dict[tuple[str, bytes, int], set[tuple[int, int]]] = {}
    store = RecordStore(database)
    for now_ms in range(0, 4_000, 400):
        batch = rng.choices(drafts, k=rng.randrange(1, 8))
        for answer in take(store, *batch, now_ms=rng.choice([now_ms, 5])).answers:
            for receipt in answer.receipts.receipts:
                key = (answer.device, answer.receipts.outbox, receipt.n)
                told.setdefault(key, set()).add((receipt.seq, receipt.time))
        if rng.random() < 0.2:
            store = RecordStore(database)
    terminal = store.terminal("ann-phone")
    assert terminal is not None
    log = store.logs_of(terminal.user_id)[room]
    seqs = RangeSet([(1, 10**6)])
    rows = store.rows(log.id, seqs, records_max=10**6, bytes_max=10**9, newest_first=False)
    assert [row.seq for row in rows] == list(range(1, log.head + 1))
    assert [row.time for row in rows] == sorted(row.time for row in rows)
    assert all(len(given) == 1 for given in told.values()), "receipts of a message differ"
    assert sorted(seq for given in told.values() for seq, _ in given) == [row.seq for row in rows]


def _new_room(database: Database) -> str:
    registry = Registry(database)
    room = f"room{next(_serials)}"
    registry.add_channel(room, ["ann", "bob"])
    registry.close()
    return room


def _any_drafts(rng: Random, room: str, store: RecordStore) -> list[Draft]:
    """Messages of two devices with two outboxes each; now and then a number is used for two of them."""
    made = []
    ids = [rng.randbytes(4), rng.randbytes(4)]
    for device in ("ann-phone", "bob-phone"):
        terminal = store.terminal(device)
        assert terminal is not None
        for outbox in ids:
            for n in range(1, rng.randrange(2, 6)):
                for _ in range(rng.choice([1, 1, 2])):
                    message = Message(n=n, channel=room, body=rng.randbytes(6), sent=rng.randrange(1, 3))
                    made.append(Draft(terminal, outbox, message, Encoding.PACKED))
    return made
