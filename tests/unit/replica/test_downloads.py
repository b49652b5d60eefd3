"""Large bodies on their way down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulated.samples import Steady
from tidelog.replica.downloads import BodyJob, Downloads
from tidelog.replica.ports import BodyPart, Changes, Record
from tidelog.replica.steps import BodyCame, BodyEnded, Effects
from tidelog.replica.tuning import Tuning
from tidelog.store.memory import MemoryStore
from tidelog.wire.errors import Code
from tidelog.wire.frames import KIND_STUB, Fault
from tidelog.wire.large import Ask, Portion
from tidelog.wire.ranges import RangeSet
from tidelog.wire.stubs import body_digest, stub_body, stub_for

BODY = bytes(range(256)) * 200
STUB = stub_for(BODY)
RECORD = Record(channel="room", seq=3, author="ann", time=1, sent=1, kind=KIND_STUB, body=stub_body(STUB))


class Fetching:
    """Downloads of a device that holds the record, and what comes of them."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.store.apply(Changes(records=((7, RECORD),)))
        self.downloads = Downloads(self.store, tuning=Tuning(), chance=Steady())
        self.told: list[BodyCame | BodyEnded] = []

    def want(self, job: int = 1) -> None:
        self.downloads.add(BodyJob(id=job, channel="room", epoch=7, seq=3, stub=STUB))

    def ask(self, now: float = 0.0) -> Ask | None:
        effects = Effects()
        ask = self.downloads.next(now, effects)
        self._perform(effects)
        return ask

    def come(
        self, offset: int, stop: int, *, rid: int = 1, size: int = len(BODY), body: bytes = BODY
    ) -> bool:
        effects = Effects()
        portion = Portion(rid=rid, size=size, offset=offset, data=body[offset:stop])
        taken = self.downloads.take(portion, effects)
        if effects.parts:
            assert self.downloads.next(0.0, effects) is None, "not on disk yet"
        self._perform(effects)
        return taken

    def _perform(self, effects: Effects) -> None:
        step = effects.step()
        self.store.apply(step.changes)
        self.told += [event for event in step.events if isinstance(event, BodyCame | BodyEnded)]

    @property
    def codes(self) -> list[str]:
        return [one.error.code for one in self.told if isinstance(one, BodyEnded) and one.error]


@pytest.fixture
def made() -> Fetching:
    fetching = Fetching()
    fetching.want()
    return fetching


def asks(offset: int) -> Ask:
    return Ask(rid=1, channel="room", epoch=7, seq=3, offset=offset)


def test_it_is_asked_for_from_where_the_last_portion_ended(made: Fetching) -> None:
    assert made.downloads.due() == 0
    assert made.ask() == asks(0)
    assert made.downloads.due() == 5
    assert made.ask(4.0) is None
    assert made.come(0, 20_000)
    assert made.ask() == asks(20_000)
    assert made.come(20_000, len(BODY))
    assert made.told == [
        BodyCame(job=1, got=20_000, size=len(BODY)),
        BodyCame(job=1, got=len(BODY), size=len(BODY)),
        BodyEnded(job=1),
    ]
    assert made.store.part(STUB.digest, 0, STUB.size) == BODY
    assert made.downloads.due() is None


def test_what_is_there_is_not_asked_for(made: Fetching) -> None:
    made.store.apply(Changes(parts=(BodyPart(STUB.digest, STUB.size, 0, BODY),)))
    made.want(2)
    assert made.ask() is None
    assert made.told == [BodyEnded(job=1), BodyEnded(job=2)]


def test_a_lost_portion_is_asked_for_again_ever_more_slowly(made: Fetching) -> None:
    assert [made.ask(now) for now in (0.0, 5.0, 14.9, 15.0)] == [asks(0), asks(0), None, asks(0)]


def test_after_a_cut_it_goes_on_at_once(made: Fetching) -> None:
    made.ask()
    made.come(0, 20_000)
    made.ask()
    made.downloads.suspend()
    assert made.downloads.due() == 0
    assert made.ask() == asks(20_000)


def test_portions_that_were_not_asked_for_are_strays(made: Fetching) -> None:
    assert not made.come(0, 5)
    made.ask()
    assert not made.come(0, 5, rid=2)
    assert made.come(7, 9)
    assert made.store.got(STUB.digest) == 0
    assert made.ask() == asks(0)


@pytest.mark.parametrize(("size", "body"), [(len(BODY) - 1, BODY), (len(BODY), bytes(len(BODY)))])
def test_what_is_not_the_body_of_the_stub_is_not_kept(made: Fetching, size: int, body: bytes) -> None:
    made.ask()
    made.come(0, 20_000, body=body)
    made.ask()
    assert made.come(20_000, size, size=size, body=body)
    assert made.codes == ["blob"]
    assert made.store.got(STUB.digest) == 0
    assert made.downloads.due() is None


def test_a_record_that_goes_meanwhile_ends_it(made: Fetching) -> None:
    made.ask()
    made.come(0, 20_000)
    made.store.apply(Changes(dropped=(("room", 7, RangeSet([(3, 4)])),)))
    assert made.ask() is None
    assert made.codes == ["no_record"]


@pytest.mark.parametrize("code", [Code.BUSY, Code.INTERNAL])
def test_a_service_that_is_busy_is_asked_later(made: Fetching, code: Code) -> None:
    made.ask()
    effects = Effects()
    assert made.downloads.refused(Fault(code=code, rid=1), 2.0, effects)
    assert made.downloads.due() == 3
    assert not effects.events


def test_a_refusal_ends_it_and_the_next_one_begins(made: Fetching) -> None:
    made.want(2)
    made.ask()
    effects = Effects()
    assert not made.downloads.refused(Fault(code=Code.NO_RECORD, rid=9), 2.0, effects)
    assert made.downloads.refused(Fault(code=Code.NO_RECORD, rid=1), 2.0, effects)
    (event,) = effects.events
    assert isinstance(event, BodyEnded)
    assert (event.job, event.error.code if event.error else "") == (1, "no_record")
    assert made.ask() == asks(0)


def test_one_that_nobody_waits_for_any_more_is_not_asked_for(made: Fetching) -> None:
    made.ask()
    made.downloads.remove(1)
    assert made.downloads.due() is None
    made.want(2)
    assert [job.id for job in made.downloads.clear()] == [2]


def test_without_a_shelf_there_is_nothing_to_fetch_into() -> None:
    downloads = Downloads(None, tuning=Tuning(), chance=Steady())
    downloads.add(BodyJob(id=1, channel="room", epoch=7, seq=3, stub=STUB))
    effects = Effects()
    assert downloads.next(0.0, effects) is None
    assert [type(event) for event in effects.events] == [BodyEnded]


class TestInline:
    """Bodies that the log has, of which the device took the beginning."""

    TEXT = b"".join(b"%d bottles; " % n for n in range(500))

    @pytest.fixture
    def cut(self) -> Fetching:
        made = Fetching()
        made.store.apply(Changes(records=((7, self.record()),)))
        made.downloads.add(BodyJob(id=1, channel="room", epoch=7, seq=4, stub=None))
        return made

    def record(self, body: bytes = TEXT[:512]) -> Record:
        left_out = len(self.TEXT) - len(body)
        return Record(
            channel="room", seq=4, author="ann", time=1, sent=1, kind=0, body=body, left_out=left_out
        )

    def come(self, made: Fetching, offset: int, stop: int, body: bytes = TEXT, digest: bytes = b"") -> None:
        digest = digest or body_digest([body])
        portion = Portion(rid=1, size=len(body), offset=offset, data=body[offset:stop], digest=digest)
        effects = Effects()
        assert made.downloads.take(portion, effects)
        made._perform(effects)

    def held(self, made: Fetching) -> Record:
        (one,) = made.store.records("room", 7, start=4, stop=5, limit=1)
        return one

    def test_it_is_put_into_the_record_once_it_is_whole(self, cut: Fetching) -> None:
        assert cut.ask() == replace(asks(0), seq=4)
        self.come(cut, 0, 3_000)
        assert self.held(cut) == self.record()
        assert cut.ask() == replace(asks(3_000), seq=4)
        self.come(cut, 3_000, 99_999)
        assert self.held(cut) == self.record(self.TEXT)
        size = len(self.TEXT)
        assert cut.told == [
            BodyCame(job=1, got=3_000, size=size),
            BodyCame(job=1, got=size, size=size),
            BodyEnded(job=1),
        ]

    def test_another_call_finds_it_whole(self, cut: Fetching) -> None:
        cut.downloads.add(BodyJob(id=2, channel="room", epoch=7, seq=4, stub=None))
        cut.ask()
        self.come(cut, 0, 99_999)
        assert cut.ask() is None
        assert [one.job for one in cut.told if isinstance(one, BodyEnded)] == [1, 2]

    @pytest.mark.parametrize(
        ("body", "digest"),
        [(TEXT, bytes(32)), (TEXT[:-1], b""), (b"X" + TEXT[1:], b"")],
        ids=["digest", "size", "beginning"],
    )
    def test_what_is_not_that_body_is_not_kept(self, cut: Fetching, body: bytes, digest: bytes) -> None:
        cut.ask()
        self.come(cut, 0, 99_999, body, digest)
        assert cut.codes == ["blob"]
        assert self.held(cut) == self.record()

    def test_a_record_that_went_meanwhile_is_not_put_back(self, cut: Fetching) -> None:
        cut.ask()
        cut.store.apply(Changes(dropped=(("room", 7, RangeSet([(4, 5)])),)))
        self.come(cut, 0, 99_999)
        assert cut.ask() is None
        assert cut.codes == ["no_record"]
        assert not cut.store.records("room", 7, start=4, stop=5, limit=1)
