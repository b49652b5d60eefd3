"""Packets, events and holdings as lines that a person reads and a test compares."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from simulated.timeline import EPOCH_MS
from tidelog.mqtt.loopback_broker import Delivery
from tidelog.replica.ports import Holding
from tidelog.replica.ports import Mark as Known
from tidelog.replica.steps import (
    Arrived,
    AuditEnded,
    BodyCame,
    BodyEnded,
    BodyWent,
    EnrolEnded,
    Event,
    MarkSettled,
    Membership,
    MembershipChanged,
    Preview,
    Receipted,
    Refused,
    Renumbered,
    SyncEnded,
    Trouble,
)
from tidelog.replica.steps import (
    Marked as Heard,
)
from tidelog.wire import payload as wire
from tidelog.wire.anyframe import Frame
from tidelog.wire.audit_frames import Audit, Verdict
from tidelog.wire.enrolling import Enrol, Role, Roster
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import (
    KIND_DELETE,
    KIND_EDIT,
    KIND_STUB,
    Delta,
    Fault,
    Messages,
    Part,
    Push,
    Receipts,
    Record,
    SyncRequest,
)
from tidelog.wire.large import Ask, Chunk, Portion, Upload
from tidelog.wire.limits import SEQ_STOP
from tidelog.wire.marks import Mark, Marked, MarkRequest, Marks, Member, News
from tidelog.wire.page_frames import Page, Resync
from tidelog.wire.parcels import Parcel
from tidelog.wire.payload import Encoding
from tidelog.wire.primed import PrimedPush
from tidelog.wire.queries import Estimate, Listed, Manifest, Query
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import read_delete, read_edit
from tidelog.wire.standings import Told
from tidelog.wire.statements import Statement
from tidelog.wire.stubs import read_stub

_BODY_SHOWN = 16
_LISTED_MAX = 3
_RUNS_MAX = 8


def kind(delivery: Delivery) -> str:
    """A word for a packet, as `lose` takes it."""
    address = delivery.topic.split("/", 3)
    if address[2] == "status":
        return "status"
    if len(address) > 3:
        return address[2]
    return _WORDS[type(wire.decode(delivery.payload)[0])]


_WORDS = {
    Messages: "messages",
    Parcel: "messages",
    SyncRequest: "sync",
    Resync: "resync",
    Page: "page",
    Receipts: "receipts",
    Delta: "delta",
    Push: "push",
    PrimedPush: "push",
    Fault: "fault",
    Query: "query",
    Manifest: "manifest",
    Estimate: "estimate",
    Enrol: "enrol",
    Roster: "roster",
    MarkRequest: "mark",
    Marks: "marks",
    Ask: "ask",
    Chunk: "chunk",
    Portion: "portion",
    Upload: "upload",
    Audit: "audit",
    Verdict: "verdict",
}


Opened = Callable[[str, Parcel], Messages | None]
"""What a device's parcel holds, by the device's id; ``None`` where the service cannot tell."""


def of_packet(delivery: Delivery, opened: Opened) -> list[str]:
    """A line with kind and size, then a line for each thing inside."""
    size = f"{len(delivery.payload)} bytes"
    rest = delivery.topic.split("/", 2)[2]
    if rest.startswith(("msg/", "put/")):
        return [f"{rest}, {size}", body(delivery.payload)]
    try:
        frame, encoding = wire.decode(delivery.payload)
    except ProtocolError as error:
        return [f"malformed, {size}: {error}"]
    if isinstance(frame, Parcel):
        device = delivery.topic.split("/")[1]
        return [f"messages (parcel), {size}", *_parcel(frame, opened(device, frame))]
    json = " (JSON)" if encoding is Encoding.JSON else ""
    if isinstance(frame, Query | Manifest | Estimate):
        inside = _surveyed(frame)
    else:
        inside = _marks(frame) if isinstance(frame, MarkRequest | Marks) else _inside(frame)
    return [f"{_WORDS[type(frame)]}{json}, {size}", *inside]


def _surveyed(frame: Query | Manifest | Estimate) -> Iterable[str]:
    match frame:
        case Query():
            return [*_query(frame), *_inside(frame.request)]
        case Manifest():
            more = "more" if frame.more else "complete"
            return [f"answer {frame.rid}, {more}", *map(_listed, frame.channels)]
        case Estimate():
            pages = f"{frame.pages} pages, {frame.page_bytes} bytes"
            return [f"answer {frame.rid}: {frame.records} records in {pages}"]


def _inside(frame: Frame) -> Iterable[str]:  # noqa: C901, PLR0911, PLR0912 - one a type
    match frame:
        case Messages():
            return _messages(frame)
        case SyncRequest():
            scope = "all channels" if frame.everywhere else "these channels"
            return [f"request {frame.rid}, {scope}{_aim(frame)}", *map(_statement, frame.statements)]
        case Resync():
            return _resync(frame)
        case Page():
            return _page(frame)
        case Receipts():
            return [*_receipts(frame), f"highest {frame.highest}"]
        case Delta():
            more = "more" if frame.more else "complete"
            gone = [f"no channel {name}" for name in frame.gone]
            parts = [line for part in frame.parts for line in _part(part)]
            return [f"answer {frame.rid}, {more}", *parts, *gone]
        case Push():
            return list(_part(frame.part))
        case PrimedPush():
            return [f"{frame.channel} {shown(frame.seqs)} after {shown(frame.context)}"]
        case Enrol():
            return [_enrol(frame)]
        case Roster():
            return [f"{_standing(frame)}, request {frame.rid}"]
        case Ask() | Chunk() | Portion() | Upload():
            return [_large(frame)]
        case Fault():
            return [f"{frame.code.word}, request {frame.rid}: {frame.text}"]
        case Audit():
            return _audit(frame)
        case Verdict():
            differs = f", sums {shown(frame.differing)} differ" if frame.differing else ", all equal"
            return [f"verdict {frame.rid}, lacking {frame.lacking}, news of {frame.news} channels{differs}"]


def _audit(frame: Audit) -> list[str]:
    """What is asked about, not the sums: epochs are in those, and they are told in no trace."""
    by = "by token" if isinstance(frame.request, Resync) else "in full"
    if isinstance(frame.request, int):
        by = "all that may be read"
    whole = ["the whole"] if frame.total is not None else []
    channels = [f"{len(frame.channels)} channels"] if frame.channels else []
    spans = [
        f"channel {one.place} [{one.start}, {one.stop}) in {len(one.sums)} pieces" for one in frame.spans
    ]
    patterns = [f"of {' '.join(frame.patterns)}"] if frame.patterns else []
    return [f"request {frame.rid}, {by}", *patterns, *whole, *channels, *spans]


def _large(frame: Ask | Chunk | Portion | Upload) -> str:
    match frame:
        case Ask():
            return f"request {frame.rid}, {frame.channel} {frame.seq} epoch {frame.epoch} from {frame.offset}"
        case Chunk() if not frame.data:
            return f"upload {frame.rid}, how much of {frame.size} bytes?"
        case Chunk():
            return f"upload {frame.rid}, {_span(frame)}"
        case Portion():
            return f"answer {frame.rid}, {_span(frame)}"
        case Upload():
            return f"upload {frame.rid}, {frame.offset} bytes are there"


def _span(frame: Chunk | Portion) -> str:
    return f"[{frame.offset}, {frame.offset + len(frame.data)}) of {frame.size} bytes"


def _messages(frame: Messages) -> list[str]:
    if len(frame.messages) > _LISTED_MAX:
        return [f"messages {shown(RangeSet.of(one.n for one in frame.messages))}"]
    return [f"{one.n} {one.channel} {said(one.kind, one.body)}" for one in frame.messages]


def _enrol(frame: Enrol) -> str:
    role = "" if frame.role is Role.WRITER else f" as {frame.role.word}"
    windows = ", with windows" if frame.windowed else ""
    words = [frame.action.word, frame.channel, *frame.users]
    return f"request {frame.rid}, {' '.join(word for word in words if word)}{role}{windows}"


def _standing(frame: Roster) -> str:
    role = "no member" if frame.role is None else frame.role.word
    return f"{frame.channel} epoch {frame.epoch}: {role}" if frame.epoch else f"{frame.channel}: {role}"


def _parcel(parcel: Parcel, held: Messages | None) -> list[str]:
    basis = parcel.basis
    told = _messages(held) if held else ["cannot be read"]
    if basis is None:
        return told
    holes = f" without {shown(basis.holes)}" if basis.holes else ""
    return [*told, f"after {basis.channel} to {basis.last}{holes}"]


def _receipts(frame: Receipts) -> list[str]:
    refused = [f"{one.n} refused: {one.code.word}" for one in frame.rejections]
    if len(frame.receipts) > _LISTED_MAX:
        return [f"stored {shown(RangeSet.of(one.n for one in frame.receipts))}", *refused]
    return [f"{one.n} is {one.channel} {one.seq} at {at(one.time)}" for one in frame.receipts] + refused


def _statement(statement: Statement) -> str:
    want = "" if statement.want is None else f", wants {shown(statement.want)}"
    return f"{statement.channel} epoch {statement.epoch}: has {shown(statement.have)}{want}"


def _aim(frame: SyncRequest) -> str:
    said = [f"the newest {frame.newest}"] if frame.newest else []
    said += [f"in {frame.room} bytes"] if frame.room else []
    said += ["plain pushes"] if frame.plain else []
    said += ["without context"] if frame.pages and not frame.context_bytes else []
    return "".join(f", {one}" for one in said)


def _resync(frame: Resync) -> list[str]:
    room = f", in {frame.room} bytes" if frame.room else ""
    grown = [f"channel {one.place}: {one.size} more" for one in frame.grown]
    changes = [
        f"channel {place}: also has {shown(added)}, lacks {shown(dropped)}"
        for place, added, dropped in frame.changes
    ]
    return [f"request {frame.rid}, by token{room}", *grown, *changes, *map(_statement, frame.statements)]


def _query(frame: Query) -> list[str]:
    said = {
        "since": at(frame.filter.since) if frame.filter.since else "",
        "until": at(frame.filter.until) if frame.filter.until else "",
        "newest": frame.filter.newest or "",
        "authors": " ".join(frame.filter.authors),
        "kinds": " ".join(map(str, frame.filter.kinds)),
        "channels": " ".join(frame.filter.patterns),
        "bodies up to": frame.filter.max_body or "",
        "after": f"{frame.after.channel} {frame.after.seq}" if frame.after else "",
    }
    told = [f"{name} {value}" for name, value in said.items() if value]
    return [f"{frame.depth.name.lower()}: {', '.join(told) or 'all'}"]


def _listed(one: Listed) -> str:
    floor = f", floor {one.floor}" if one.floor > 1 else ""
    return (
        f"{one.channel} epoch {one.epoch} to {one.head}{floor}: {shown(one.seqs)} of {sum(one.sizes)} bytes"
    )


def _page(frame: Page) -> list[str]:
    told = [f"{_told(one)}" for one in frame.told]
    gone = [f"no channel {name}" for name in frame.gone]
    content = frame.content
    records = [f"records, codec {content.codec}"] if content else []
    passing = [f"channel {one.place}: {shown(one.seqs)} pass" for one in frame.screened]
    marks = [f"channel {one.place} marks {one.version}{progress(one)}" for one in frame.marks]
    marks += [f"the device is {frame.user}'s"] if frame.user else []
    head = f"answer {frame.rid}, {'more' if frame.more else 'complete'}"
    return [head, *told, *gone, *passing, *records, *marks]


def _marks(frame: MarkRequest | Marks) -> list[str]:
    whose = f" to {frame.user}'s device" if isinstance(frame, Marks) and frame.user else ""
    marks = [f"{one.channel} epoch {one.epoch}{progress(one)}" for one in frame.marks]
    gone = [f"no channel {name}" for name in frame.gone] if isinstance(frame, Marks) else []
    return [f"request {frame.rid}{whose}", *marks, *gone]


def progress(one: Known | Mark | Marked | News | Member) -> str:
    """How far somebody has come."""
    come = f": read {one.read}" if one.read else ""
    come += f", delivered {one.delivered}" if one.delivered > one.read else ""
    others = one.others if isinstance(one, Marked | News) else None
    if others is None:
        return come
    told = [f"{member.user}{progress(member)}" for member in others]
    return f"{come}; {', '.join(told) or 'nobody else'}"


def _told(told: Told) -> str:
    channel = told.channel if isinstance(told.channel, str) else f"channel {told.channel}"
    floor = f", floor {told.floor}" if told.floor > 1 else ""
    voids = f", void {shown(told.voids)}" if told.voids else ""
    voids += f", dead {shown(told.dead)}" if told.dead else ""
    return f"{channel} epoch {told.epoch}{floor}{voids}"


def _part(part: Part) -> Iterable[str]:
    voids = f", void {shown(part.voids)}" if part.voids else ""
    yield f"{part.channel} epoch {part.epoch} to {part.head}{voids}: {_records(part.records)}"


def _records(records: tuple[Record, ...]) -> str:
    if len(records) > _LISTED_MAX:
        return f"records {shown(RangeSet.of(record.seq for record in records))}"
    return ", ".join(f"{one.seq} {one.author} {said(one.kind, one.body)}" for one in records) or "nothing"


def of_event(event: Event) -> str:  # noqa: C901, PLR0911, PLR0912 - one a kind
    """What the application was told."""
    match event:
        case Receipted():
            return f"message {event.n} is {event.receipt.channel} {event.receipt.seq}"
        case Refused():
            return f"message {event.n} refused: {event.error.code}"
        case Renumbered():
            return f"message {event.old} is now {event.new}"
        case Heard():
            return "; ".join(
                f"{one.user or 'the user'} in {one.channel}{progress(one)}" for one in event.marks
            )
        case MarkSettled():
            failed = f" failed: {event.error.code}" if event.error else " is kept"
            return f"mark in {event.mark.channel}{progress(event.mark)}{failed}"
        case Arrived():
            seqs = RangeSet.of(record.seq for record in event.records)
            return f"arrived {event.records[0].channel} {shown(seqs)}"
        case SyncEnded():
            return _ended(event)
        case EnrolEnded():
            return f"refused: {event.error.code}" if event.error else _membership(event.membership)
        case MembershipChanged():
            return f"hears: {_membership(event.membership)}"
        case BodyWent():
            return f"message {event.n}: {event.there} of {event.size} bytes are there"
        case BodyCame():
            return f"body {event.job}: {event.got} of {event.size} bytes"
        case BodyEnded():
            return f"body {event.job} {'failed: ' + event.error.code if event.error else 'is whole'}"
        case AuditEnded():
            return _audited(event)
        case Trouble():
            return f"trouble: {event.error.code}"


def _membership(membership: Membership | None) -> str:
    assert membership is not None
    return f"{membership.role or 'no member'} of {membership.channel}"


def _ended(event: SyncEnded) -> str:
    report = event.report
    if report is None:
        return f"sync {event.job} failed: {event.error.code if event.error else ''}"
    if isinstance(event.found, Preview):
        return f"preview {event.job}: {event.found.records} records, {event.found.bytes} bytes"
    if event.found is not None:
        return f"manifest {event.job}: {len(event.found)} records"
    gone = f", gone {' '.join(report.gone)}" if report.gone else ""
    end = "complete" if report.complete else "not complete"
    return (
        f"sync {event.job} {end}: {report.records} records, {report.rounds} requests, "
        f"{report.bytes_up} bytes up, {report.bytes_down} down{gone}"
    )


def _audited(event: AuditEnded) -> str:
    report = event.report
    if report is None:
        return f"audit {event.job} failed: {event.error.code if event.error else ''}"
    lacking = "complete" if report.complete else f"lacking {report.lacking}"
    differing = [f"{name} {shown(RangeSet(runs))}" for name, runs in report.differing.items()]
    equal = "equal" if report.equal else f"differing {' '.join(differing)}".strip()
    repaired = f", {report.repaired} repaired in {report.repairs} tries" if report.repairs else ""
    gone = f", gone {' '.join(report.gone)}" if report.gone else ""
    return (
        f"audit {event.job} {lacking}, {equal}: {report.records} records{repaired}, "
        f"{report.rounds} requests, {report.bytes_up} bytes up, {report.bytes_down} down{gone}"
    )


def of_holding(holding: Holding, count: int) -> str:
    """What a device knows of a channel, and how many records are in its store."""
    return (
        f"{holding.channel} epoch {holding.epoch} to {holding.head}: {count} records, "
        f"has {shown(holding.have)}, wants {shown(holding.wanted)}"
    )


def said(kind: int, data: bytes) -> str:
    """A record's content."""
    if kind == KIND_EDIT:
        edit = read_edit(data)
        return f"edit of {shown(edit.voids)} {said(edit.kind, edit.content)}"
    if kind == KIND_STUB:
        stub = read_stub(data)
        return f"stub of {stub.size} bytes {body(stub.first)}"
    return f"delete of {shown(read_delete(data))}" if kind == KIND_DELETE else body(data)


def body(data: bytes) -> str:
    """A body, short."""
    text = data.decode("utf8", "replace")
    return f'"{text}"' if len(text) <= _BODY_SHOWN else f'"{text[:_BODY_SHOWN]}"...'


def shown(seqs: RangeSet) -> str:
    """Half-open runs; of many the first and the last."""
    runs = [f"[{start}, {'end' if stop >= SEQ_STOP else stop})" for start, stop in seqs.runs]
    if len(runs) > _RUNS_MAX:
        runs = [*runs[:2], f"... {len(runs) - 3} runs ...", runs[-1]]
    return " ".join(runs) or "nothing"


def at(ms: int) -> str:
    """A moment, in seconds from the beginning."""
    return f"{(ms - EPOCH_MS) / 1000:.10g}s"
