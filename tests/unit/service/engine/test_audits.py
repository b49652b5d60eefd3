"""Audits: what a device is told of what it says that it has, on the store in memory and on the real one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from simulated.shelf import Shelf
from tidelog.wire import payload as wire
from tidelog.wire.anyframe import Frame
from tidelog.wire.audit_frames import Audit, Span, Verdict
from tidelog.wire.errors import Code
from tidelog.wire.fingerprints import SUM_STOP, fingerprint, log_fingerprint
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, Fault, Message, Messages, SyncRequest
from tidelog.wire.limits import AUDIT_SUM_STOP
from tidelog.wire.page_frames import Page, Resync
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.revisions import Edit, delete_body, edit_body
from tidelog.wire.standings import Standing, Standings
from tidelog.wire.statements import Statement
from tidelog_service.engine import audits
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Bounds, Packet
from tidelog_service.engine.ports import Row, Store
from tidelog_service.store.database import open_database
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry

NOW_MS = 1_760_000_000_000
BOUNDS = Bounds(requests_per_second=1_000, requests_burst=10_000)


class Service:
    """An engine over either store, with what a test needs to know of the logs."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.engine = Engine(store, bounds=BOUNDS)

    def send(self, channel: str, *bodies: bytes, user: str = "ann", kind: int = 0) -> None:
        messages = tuple(Message(n=0, channel=channel, body=body, kind=kind) for body in bodies)
        self.ask(Messages(outbox=b"", messages=messages), device=f"{user}-phone", verb="msg")

    def ask(self, frame: Frame, *, device: str = "ann-phone", verb: str = "sync") -> list[Frame]:
        payload = wire.encode(frame, Encoding.PACKED)
        replies = self.engine.handle([Packet(f"tl1/{device}/{verb}", payload, qos=1)], NOW_MS)
        return [wire.decode(reply.payload)[0] for reply in replies if reply.device == device]

    def audit(self, audit: Audit, *, device: str = "ann-phone") -> Verdict:
        (verdict,) = self.ask(audit, device=device)
        assert isinstance(verdict, Verdict), verdict
        return verdict

    def rows(self, channel: str, seqs: RangeSet) -> list[Row]:
        log = self.store.logs_of(1)[channel]
        return self.store.rows(log.id, seqs, records_max=10**6, bytes_max=10**9, newest_first=False)

    def epoch(self, channel: str) -> int:
        return self.store.logs_of(1)[channel].epoch

    def sum(self, channel: str, seqs: RangeSet) -> int:
        """By the records themselves."""
        return (
            sum(
                fingerprint(channel, row.seq, row.kind, row.author, row.content_type, row.body)
                for row in self.rows(channel, seqs)
            )
            % SUM_STOP
        )

    def stated(self, **have: RangeSet) -> SyncRequest:
        statements = [
            Statement(channel=name, epoch=self.epoch(name), have=seqs) for name, seqs in have.items()
        ]
        return SyncRequest(rid=5, statements=tuple(statements), everywhere=False, pages=True)


@pytest.fixture(params=["memory", "sqlite"])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """Room with Ann and Bob, 40 lines; hall with Ann, 10; Cem's den."""
    if request.param == "memory":
        made = Service(Shelf({"room": ("ann", "bob"), "hall": ("ann",), "den": ("cem",)}))
        fill(made)
        yield made
        return
    with open_database(":memory:") as database:
        registry = Registry(database)
        for user in ("ann", "bob", "cem"):
            registry.add_user(user)
            registry.add_device(user, f"{user}-phone")
        for channel, members in (("room", ["ann", "bob"]), ("hall", ["ann"]), ("den", ["cem"])):
            registry.add_channel(channel, members)
        made = Service(RecordStore(database))
        fill(made)
        yield made
        registry.close()


def fill(service: Service) -> None:
    service.send("room", *[b"r%d" % n for n in range(1, 41)])
    service.send("hall", *[b"h%d" % n for n in range(1, 11)])
    service.send("den", b"secret", user="cem")


def runs(*pairs: tuple[int, int]) -> RangeSet:
    return RangeSet(pairs)


WHOLE = {"room": runs((1, 41)), "hall": runs((1, 11))}


def total(service: Service, have: dict[str, RangeSet]) -> int:
    return sum(service.sum(name, seqs) for name, seqs in have.items()) % SUM_STOP


def test_who_has_everything_and_the_same_is_told_so(service: Service) -> None:
    asked = Audit(request=service.stated(**WHOLE), total=total(service, WHOLE))
    assert service.audit(asked) == Verdict(rid=5)
    assert service.engine.tally["audited"] == 1


def all_of(service: Service, have: dict[str, RangeSet]) -> int:
    logs = service.store.logs_of(1)
    shares = [log_fingerprint(name, logs[name].epoch, logs[name].head) for name in have]
    return (sum(shares) + total(service, have)) % SUM_STOP


def test_all_that_one_may_read_is_compared_without_an_account(service: Service) -> None:
    told = all_of(service, WHOLE)
    assert service.audit(Audit(request=5, total=told)) == Verdict(rid=5)
    assert service.audit(Audit(request=5, total=told ^ 1)) == Verdict(rid=5, differing=RangeSet.of([1]))
    hall = all_of(service, {"hall": WHOLE["hall"]})
    assert service.audit(Audit(request=5, total=hall, patterns=("hall",))) == Verdict(rid=5)
    assert service.audit(Audit(request=5, total=hall)).differing
    assert service.audit(Audit(request=5, total=0, patterns=("den",))) == Verdict(rid=5)
    service.send("hall", b"new")
    assert service.audit(Audit(request=5, total=told)).differing


def test_who_has_left_a_channel_is_to_say_what_they_have() -> None:
    shelf = Shelf({"room": ("ann", "bob")})
    service = Service(shelf)
    service.send("room", b"r1", b"r2")
    told = Audit(request=5, total=all_of(service, {"room": runs((1, 3))}))
    assert service.audit(told, device="bob-phone") == Verdict(rid=5)
    shelf.windows["bob", "room"] = (1, 2)
    shelf.members["room"] = ("ann",)
    assert service.audit(told, device="bob-phone").differing


def test_patterns_leave_other_channels_out(service: Service) -> None:
    have = {"room": WHOLE["room"], "hall": runs((1, 5))}
    only = total(service, {"room": WHOLE["room"]})
    asked = Audit(request=service.stated(**have), total=only, patterns=("room", "ship/#"))
    assert service.audit(asked) == Verdict(rid=5)


def test_what_is_lacking_is_counted_and_the_rest_is_compared(service: Service) -> None:
    have = {"room": runs((1, 5), (9, 38)), "hall": runs((1, 11))}
    asked = Audit(request=service.stated(**have), total=total(service, have))
    assert service.audit(asked) == Verdict(rid=5, lacking=4 + 3)


def test_a_channel_that_is_not_stated_is_lacking_where_all_are_in_scope(service: Service) -> None:
    have = {"room": WHOLE["room"]}
    request = replace(service.stated(**have), everywhere=True)
    verdict = service.audit(Audit(request=request, total=total(service, have)))
    assert verdict == Verdict(rid=5, lacking=10, news=1)


def test_sums_that_differ_are_named_by_their_order(service: Service) -> None:
    sums = [service.sum("room", WHOLE["room"]) % AUDIT_SUM_STOP, 12_345]
    spans = (
        Span(0, 1, 41, tuple(service.sum("room", runs(run)) % AUDIT_SUM_STOP for run in ((1, 21), (21, 41)))),
        Span(1, 3, 6, (1, service.sum("hall", runs((4, 5))) % AUDIT_SUM_STOP, 2)),
    )
    asked = Audit(request=service.stated(**WHOLE), total=1, channels=tuple(sums), spans=spans)
    assert service.audit(asked) == Verdict(rid=5, differing=RangeSet.of([1, 3, 6, 8]))


def test_what_was_edited_and_deleted_is_in_no_sum(service: Service) -> None:
    edit = edit_body(Edit(voids=runs((7, 8)), kind=0, time=NOW_MS, content=b"better"))
    service.send("room", edit, kind=KIND_EDIT)
    service.send("room", delete_body(runs((3, 5), (20, 30))), kind=KIND_DELETE)
    have = {"room": runs((1, 43)), "hall": runs((1, 11))}
    assert [row.seq for row in service.rows("room", have["room"])][-2:] == [41, 42]
    asked = Audit(request=service.stated(**have), total=total(service, have))
    assert service.audit(asked) == Verdict(rid=5)
    # Who has not heard of it lacks two records, and holds what is no more.
    before = {"room": runs((1, 41)), "hall": runs((1, 11))}
    verdict = service.audit(Audit(request=service.stated(**before), total=1))
    assert verdict == Verdict(rid=5, lacking=2, differing=RangeSet.of([1]))


def test_a_stranger_learns_nothing(service: Service) -> None:
    """Not even whether there is such a channel: its sums are those of no record."""
    for name in ("den", "nowhere"):
        statement = Statement(channel=name, epoch=7, have=runs((1, 2)))
        request = SyncRequest(rid=5, statements=(statement,), everywhere=False)
        nothing = service.audit(Audit(request=request, total=0, spans=(Span(0, 1, 2, (0,)),)))
        assert nothing == Verdict(rid=5, news=1)
        guess = fingerprint("den", 1, 0, "cem", "", b"secret")
        assert service.audit(Audit(request=request, total=guess)).differing == RangeSet.of([1])


def test_another_epoch_has_nothing_in_common(service: Service) -> None:
    request = SyncRequest(
        rid=5,
        statements=(Statement(channel="hall", epoch=service.epoch("hall") ^ 1, have=WHOLE["hall"]),),
        everywhere=False,
    )
    assert service.audit(Audit(request=request, total=0)) == Verdict(rid=5, lacking=10, news=1)


def test_a_have_set_without_end_and_seqs_above_the_head_do_no_harm(service: Service) -> None:
    have = {"room": runs((1, 2**53)), "hall": runs((1, 100))}
    asked = Audit(request=service.stated(**have), total=total(service, WHOLE))
    assert service.audit(asked) == Verdict(rid=5)


def test_a_device_that_is_revoked_or_unknown_gets_no_answer(service: Service) -> None:
    asked = Audit(request=service.stated(**WHOLE), total=1)
    assert service.ask(asked, device="eve-phone") == []


@pytest.mark.parametrize(
    "asked",
    [
        Audit(request=SyncRequest(rid=5), total=0, channels=(1,)),
        Audit(request=SyncRequest(rid=5), spans=(Span(0, 1, 2, (1,)),)),
    ],
)
def test_sums_of_what_the_account_lacks_are_malformed(service: Service, asked: Audit) -> None:
    (fault,) = service.ask(asked)
    assert isinstance(fault, Fault)
    assert (fault.code, fault.rid) == (Code.MALFORMED, 5)


def token_of(service: Service) -> tuple[bytes, Standings]:
    asked = SyncRequest(rid=1, pages=True, keep=True, page_bytes=60_000)
    (page,) = service.ask(asked)
    assert isinstance(page, Page)
    account = Standings(Standing(name, service.epoch(name), seqs) for name, seqs in WHOLE.items())
    names = [one.channel for one in page.told]
    return page.token, Standings(one for name in names if (one := account.get(str(name))) is not None)


def test_a_token_says_it_in_44_bytes(service: Service) -> None:
    token, account = token_of(service)
    request = Resync(rid=6, token=token, digest=account.digest)
    assert service.audit(Audit(request=request, total=total(service, WHOLE))) == Verdict(rid=6)
    # An audit proves nothing to the service and moves nothing on.
    assert service.audit(Audit(request=request, total=1)).differing == RangeSet.of([1])


def test_a_token_that_is_not_known_is_told(service: Service) -> None:
    (fault,) = service.ask(Audit(request=Resync(rid=6, token=b"none", digest=1), total=1))
    assert isinstance(fault, Fault)
    assert (fault.code, fault.rid, fault.text) == (Code.TOKEN, 6, "")


def test_runs_are_charged(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is two look-ups: who states thousands of them may not ask as often."""
    monkeypatch.setattr(audits, "_RUNS", 1)
    service.engine = Engine(service.store, bounds=Bounds(requests_per_second=1, requests_burst=20))
    assert service.audit(Audit(request=service.stated(room=WHOLE["room"]), total=1)).differing
    many = Audit(request=service.stated(room=RangeSet.of(range(1, 41, 2))), total=1)
    assert service.audit(many).differing, "more than a full bucket is owed, not refused for ever"
    (fault,) = service.ask(many)
    assert isinstance(fault, Fault)
    assert fault.code is Code.BUSY


def test_all_that_one_may_read_is_charged_too(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audits, "_RUNS", 1)
    service.engine = Engine(service.store, bounds=Bounds(requests_per_second=1, requests_burst=5))
    replies = [service.ask(Audit(request=5, total=1))[0] for _ in range(5)]
    assert [type(reply).__name__ for reply in replies] == ["Verdict", "Verdict", "Fault", "Fault", "Fault"]


def test_members_compare_what_they_may_read_and_no_more() -> None:
    """Whoever joined later, and whoever has left: the sums are those of the window."""
    shelf = Shelf({"room": ("ann", "bob")})
    service = Service(shelf)
    service.send("room", *[b"r%d" % n for n in range(1, 41)])
    window, request = runs((11, 21)), service.stated(room=runs((1, 41)))
    shelf.windows["bob", "room"] = (11, 20)
    shelf.members["room"] = ("ann",)
    verdict = service.audit(Audit(request=request, total=service.sum("room", window)), device="bob-phone")
    assert verdict == Verdict(rid=5, news=1)
    spans = (Span(0, 1, 41, (0, service.sum("room", window) % AUDIT_SUM_STOP, 0, 0)),)
    assert service.audit(Audit(request=request, spans=spans), device="bob-phone") == Verdict(rid=5, news=1)
    beyond = (Span(0, 21, 41, (service.sum("room", runs((21, 41))) % AUDIT_SUM_STOP,)),)
    assert service.audit(Audit(request=request, spans=beyond), device="bob-phone").differing


def test_nothing_at_all_is_equal(service: Service) -> None:
    request = SyncRequest(rid=5, statements=(), everywhere=False)
    assert service.audit(Audit(request=request, total=0)) == Verdict(rid=5, lacking=0, differing=EMPTY)
