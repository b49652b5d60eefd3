"""Frames, and everything in them, as hypothesis draws them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from tidelog.wire import topics
from tidelog.wire.audit_frames import Audit, Span, Verdict
from tidelog.wire.enrolling import Action, Enrol, Role, Roster
from tidelog.wire.errors import Code
from tidelog.wire.fetching import Fetch, Piece
from tidelog.wire.fingerprints import SUM_STOP
from tidelog.wire.frames import (
    Delta,
    Fault,
    Message,
    Messages,
    Part,
    Push,
    Receipt,
    Receipts,
    Record,
    Rejection,
    SyncRequest,
)
from tidelog.wire.large import Ask, Chunk, Portion, Upload
from tidelog.wire.limits import (
    AUDIT_SUM_STOP,
    BODY_BYTES_MAX,
    BODY_DIGEST_BYTES,
    BODY_SIZE_STOP,
    CHECK_BYTES,
    CHUNK_GRAIN_BYTES,
    CODEC_STOP,
    CONTEXT_RECORDS_MAX,
    DICTIONARY_DEFLATED_BYTES_MAX,
    DICTIONARY_STOP,
    DIGEST_STOP,
    EPOCH_STOP,
    KIND_STOP,
    LARGE_BYTES_MAX,
    MARK_VERSION_STOP,
    MAX_BODY_MIN,
    MESSAGE_NUMBER_STOP,
    PACKET_BYTES_MAX,
    PAGE_BYTES_DEFAULT,
    PAGE_BYTES_MAX,
    PAGE_BYTES_MIN,
    REQUEST_ID_STOP,
    ROOM_BYTES_MIN,
    SEQ_STOP,
    STATEMENTS_MAX,
    STUB_FIRST_BYTES_MAX,
    TIME_MS_STOP,
    TOKEN_BYTES,
    TRAINED_ID_MIN,
)
from tidelog.wire.marks import Mark, Marked, MarkRequest, Marks, Member, News
from tidelog.wire.models import CONTEXTS_BYTES
from tidelog.wire.packed_pages import CODECS_STOP
from tidelog.wire.page_frames import MODEL_ORDERS, Content, Model, Page, Resync, Screened
from tidelog.wire.parcels import Basis, Parcel
from tidelog.wire.primed import PrimedPush
from tidelog.wire.queries import (
    NO_FILTER,
    Cursor,
    Depth,
    Estimate,
    Filter,
    Listed,
    Manifest,
    Query,
)
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Change, Growth, Told
from tidelog.wire.statements import Statement
from tidelog.wire.stubs import Stub, stub_body

LEVELS = st.text(
    st.characters(codec="utf8", exclude_characters="/+#$", min_codepoint=32), min_size=1, max_size=6
)
CHANNELS = st.one_of(
    st.sampled_from(["room1", "truck7/zone1", "dm/ann/bob"]),
    st.lists(LEVELS, min_size=1, max_size=3).map("/".join),
).filter(topics.is_channel)
USERS = st.one_of(st.sampled_from(["ann", "bob"]), LEVELS).filter(topics.is_user)
CONTENT_TYPES = st.sampled_from(["", "", "application/json", "text/plain; charset=utf-8"])
LARGE = st.one_of(
    st.sampled_from([40_000, LARGE_BYTES_MAX]), st.integers(BODY_BYTES_MAX + 1, LARGE_BYTES_MAX)
)
BODY_DIGESTS = st.binary(min_size=BODY_DIGEST_BYTES, max_size=BODY_DIGEST_BYTES)
STUBS = st.builds(
    Stub,
    kind=st.one_of(st.just(0), st.integers(16, KIND_STOP - 1)),
    size=LARGE,
    digest=BODY_DIGESTS,
    first=st.one_of(
        st.binary(max_size=40), st.text(max_size=20).map(str.encode), st.just(bytes(STUB_FIRST_BYTES_MAX))
    ),
)
BODIES = st.one_of(st.binary(max_size=40), st.text(max_size=20).map(str.encode), STUBS.map(stub_body))
KINDS = st.one_of(st.sampled_from([0, 0, 3, 16]), st.integers(0, KIND_STOP - 1))
TIMES = st.one_of(
    st.sampled_from([0, TIME_MS_STOP - 1]),
    st.integers(1_760_000_000_000, 1_760_000_100_000),
    st.integers(0, TIME_MS_STOP - 1),
)
EPOCHS = st.one_of(st.sampled_from([0, 7, 7, EPOCH_STOP - 1]), st.integers(0, EPOCH_STOP - 1))
SEQS = st.one_of(st.integers(1, 40), st.integers(1, SEQ_STOP - 1))
RIDS = st.integers(0, REQUEST_ID_STOP - 1)
SOME_CODES = st.sampled_from(Code)
OUTBOXES = st.binary(min_size=4, max_size=4)
DIGESTS = st.binary(min_size=2, max_size=2)


@st.composite
def range_sets(draw: st.DrawFn, start_min: int = 1) -> RangeSet:
    """Sets of a few runs, near the beginning or anywhere, with and without an end."""
    bound = draw(st.sampled_from([60, SEQ_STOP - 1]))
    ends = st.integers(start_min, bound)
    runs = [tuple(sorted(pair)) for pair in draw(st.lists(st.tuples(ends, ends), max_size=6))]
    if draw(st.integers(0, 4)) == 0:
        runs.append((draw(ends), SEQ_STOP))
    return RangeSet(runs)


@st.composite
def numbers(draw: st.DrawFn, outbox: bytes, size_max: int = 6) -> list[int]:
    """The message numbers of a batch: ascending strictly, or none at all."""
    size = draw(st.integers(0, size_max))
    if not outbox and draw(st.booleans()):
        return [0] * size
    number = st.one_of(st.integers(1, 30), st.integers(1, MESSAGE_NUMBER_STOP - 1))
    return sorted(draw(st.sets(number, min_size=size, max_size=size)))


@st.composite
def messages(draw: st.DrawFn) -> Messages:
    """Batches of an outbox."""
    outbox = draw(st.one_of(st.just(b""), OUTBOXES))
    batch = [
        Message(
            n=n,
            channel=draw(CHANNELS),
            body=draw(BODIES),
            kind=draw(KINDS),
            sent=draw(TIMES),
            content_type=draw(CONTENT_TYPES),
            epoch=draw(EPOCHS),
        )
        for n in draw(numbers(outbox).filter(bool))
    ]
    return Messages(outbox=outbox, messages=tuple(batch))


@st.composite
def receipts(draw: st.DrawFn) -> Receipts:
    """Answers to batches."""
    outbox = draw(st.one_of(st.just(b""), OUTBOXES))
    taken = [
        Receipt(
            n=n,
            channel=draw(CHANNELS),
            epoch=draw(EPOCHS),
            seq=draw(SEQS),
            time=draw(TIMES),
            digest=draw(DIGESTS) if n else b"",
        )
        for n in draw(numbers(outbox))
    ]
    number = st.integers(0, MESSAGE_NUMBER_STOP - 1)
    refused = st.one_of(
        st.builds(Rejection, n=number.filter(bool), code=SOME_CODES, digest=DIGESTS),
        st.builds(Rejection, n=st.just(0), code=SOME_CODES),
    )
    return Receipts(
        outbox=outbox,
        highest=draw(number),
        author=draw(st.one_of(st.just(""), USERS)),
        receipts=tuple(taken),
        rejections=tuple(draw(st.lists(refused, max_size=3))),
    )


SEQS_READ = st.one_of(st.just(0), SEQS)


@st.composite
def seqs_marked(draw: st.DrawFn) -> tuple[int, int]:
    """Read and delivered."""
    first, second = sorted((draw(SEQS_READ), draw(SEQS_READ)))
    return draw(st.sampled_from([(first, first), (first, second)]))


MEMBERS = st.builds(lambda user, seqs: Member(user, *seqs), USERS, seqs_marked())
OTHERS = st.one_of(st.none(), st.lists(MEMBERS, max_size=3, unique_by=lambda member: member.user).map(tuple))
MARK_REQUESTS = st.builds(
    MarkRequest,
    rid=RIDS,
    marks=st.lists(
        st.builds(lambda channel, epoch, seqs: Mark(channel, epoch, *seqs), CHANNELS, EPOCHS, seqs_marked()),
        max_size=4,
        unique_by=lambda mark: mark.channel,
    ).map(tuple),
)


@st.composite
def marks(draw: st.DrawFn) -> Marks:
    """What the service has of some channels, and what it does not have."""
    names = draw(st.lists(CHANNELS, max_size=5, unique=True))
    gone = draw(st.integers(0, 2))
    return Marks(
        rid=draw(RIDS),
        user=draw(st.one_of(st.just(""), USERS)),
        marks=tuple(Marked(name, draw(EPOCHS), *draw(seqs_marked()), draw(OTHERS)) for name in names[gone:]),
        gone=tuple(names[:gone]),
    )


@st.composite
def news(draw: st.DrawFn) -> tuple[News, ...]:
    """What a page tells of marks; mostly nothing."""
    places = draw(st.one_of(st.just(set()), st.sets(st.integers(0, 5), max_size=3)))
    version = st.one_of(st.integers(1, 200), st.integers(1, MARK_VERSION_STOP - 1))
    return tuple(News(place, draw(version), *draw(seqs_marked()), draw(OTHERS)) for place in sorted(places))


STATEMENTS = st.builds(
    Statement,
    channel=CHANNELS,
    epoch=EPOCHS,
    have=range_sets(),
    want=st.one_of(st.none(), range_sets()),
)

SYNC_REQUESTS = st.builds(
    SyncRequest,
    rid=RIDS,
    statements=st.lists(STATEMENTS, max_size=4, unique_by=lambda statement: statement.channel).map(tuple),
    everywhere=st.booleans(),
    page_bytes=st.one_of(st.just(PAGE_BYTES_DEFAULT), st.integers(PAGE_BYTES_MIN, PAGE_BYTES_MAX)),
    codecs=st.sets(st.integers(0, CODEC_STOP - 1), max_size=4).map(sorted).map(tuple),
    oldest_first=st.booleans(),
    live=st.booleans(),
    plain=st.booleans(),
)

ROOMS = st.one_of(st.just(0), st.integers(ROOM_BYTES_MIN, PACKET_BYTES_MAX))

PAGE_REQUESTS = st.builds(
    replace,
    SYNC_REQUESTS,
    by_channel=st.booleans(),
    pages=st.booleans(),
    keep=st.booleans(),
    context_bytes=st.sampled_from(CONTEXTS_BYTES),
    newest=st.one_of(st.just(0), SEQS),
    room=ROOMS,
    dictionary=st.one_of(st.just(0), st.integers(0, DICTIONARY_STOP - 1)),
    seconds=st.booleans(),
    plain=st.booleans(),
)
"""Requests with all that JSON has no fields for."""

PLACES = st.one_of(st.integers(0, 5), st.integers(0, STATEMENTS_MAX - 1))
TOKENS = st.binary(min_size=TOKEN_BYTES, max_size=TOKEN_BYTES)


@st.composite
def resyncs(draw: st.DrawFn) -> Resync:
    """Requests by token."""
    places = draw(st.sets(PLACES, max_size=5))
    grown = sorted(draw(st.sets(st.sampled_from(sorted(places)))) if places else [])
    size = st.one_of(st.integers(1, 30), st.integers(1, SEQ_STOP - 1))
    return Resync(
        rid=draw(RIDS),
        token=draw(TOKENS),
        digest=draw(st.integers(0, DIGEST_STOP - 1)),
        grown=tuple(Growth(place, draw(size)) for place in grown),
        changes=tuple(Change(place, draw(range_sets()), draw(range_sets())) for place in places - set(grown)),
        statements=tuple(draw(st.lists(STATEMENTS, max_size=3, unique_by=lambda one: one.channel))),
        room=draw(ROOMS),
    )


CONTENTS = st.builds(
    Content,
    codec=st.integers(0, CODECS_STOP - 1),
    model=st.builds(
        Model,
        st.sampled_from(CONTEXTS_BYTES),
        st.sampled_from([1 << 20 << power for power in range(7)]),
        st.sampled_from(MODEL_ORDERS),
    ),
    dictionary=st.booleans(),
    plain=st.booleans(),
    check=st.binary(min_size=CHECK_BYTES, max_size=CHECK_BYTES),
    columns=st.binary(max_size=150),
    authors=st.lists(USERS, max_size=3).map(tuple),
    types=st.lists(CONTENT_TYPES, max_size=2).map(tuple),
    bodies=st.binary(max_size=150),
)


@st.composite
def pages(draw: st.DrawFn) -> Page:
    """Answers to requests for pages; what their records say is not known."""
    named = draw(st.lists(st.one_of(CHANNELS, PLACES), max_size=5, unique=True))
    gone = draw(st.lists(CHANNELS, max_size=3, unique=True))
    return Page(
        rid=draw(RIDS),
        more=draw(st.booleans()),
        told=tuple(
            Told(
                name,
                draw(EPOCHS),
                draw(st.one_of(st.just(1), SEQS)),
                draw(range_sets()),
                draw(st.one_of(st.just(EMPTY), range_sets())),
            )
            for name in named
            if name not in gone
        ),
        gone=tuple(gone),
        token=draw(st.one_of(st.just(b""), TOKENS)),
        dictionary=draw(st.one_of(st.just(0), st.integers(0, DICTIONARY_STOP - 1))),
        screened=tuple(
            Screened(place, draw(range_sets().filter(bool)))
            for place in draw(st.lists(st.integers(0, STATEMENTS_MAX - 1), max_size=2, unique=True))
        ),
        content=draw(st.one_of(st.none(), CONTENTS)),
        marks=draw(news()),
        user=draw(st.one_of(st.just(""), USERS)),
    )


@st.composite
def records(draw: st.DrawFn, seq: int) -> Record:
    """One record: mostly whole, mostly sent when it was stored."""
    body, time = draw(BODIES), draw(TIMES)
    whole = st.one_of(st.just(len(body)), st.integers(len(body), BODY_SIZE_STOP - 1))
    return Record(
        seq=seq,
        author=draw(USERS),
        time=time,
        body=body,
        kind=draw(KINDS),
        sent=draw(st.one_of(st.just(time), TIMES)),
        content_type=draw(CONTENT_TYPES),
        size=draw(whole),
    )


@st.composite
def parts(draw: st.DrawFn) -> Part:
    """What a page says of one channel."""
    seqs = sorted(draw(st.sets(SEQS, max_size=5)))
    return Part(
        channel=draw(CHANNELS),
        epoch=draw(EPOCHS),
        head=draw(st.one_of(st.just(seqs[-1]), st.integers(seqs[-1], SEQ_STOP - 1))) if seqs else draw(SEQS),
        floor=draw(st.one_of(st.just(1), SEQS)),
        voids=draw(range_sets()),
        records=tuple(draw(records(seq)) for seq in seqs),
    )


@st.composite
def deltas(draw: st.DrawFn) -> Delta:
    """Pages."""
    names = draw(st.lists(CHANNELS, max_size=5, unique=True))
    split = draw(st.integers(0, len(names)))
    return Delta(
        rid=draw(RIDS),
        more=draw(st.booleans()),
        parts=tuple(replace(draw(parts()), channel=name) for name in names[:split]),
        gone=tuple(names[split:]),
    )


@st.composite
def pushes(draw: st.DrawFn) -> Push:
    """Records as they were stored."""
    part = draw(parts().filter(lambda part: part.records))
    return Push(part=replace(part, head=part.records[-1].seq, floor=1))


@st.composite
def primed_pushes(draw: st.DrawFn) -> PrimedPush:
    """Pushes with anything inside."""
    first, *more = sorted(
        draw(
            st.sets(st.one_of(st.integers(3, 200), SEQS.filter(lambda seq: seq > 2)), min_size=1, max_size=4)
        )
    )
    count = draw(st.integers(1, min(first - 1, CONTEXT_RECORDS_MAX)))
    right_before = RangeSet([(first - count, first)])
    scattered = st.sets(st.integers(max(1, first - 200), first - 1), min_size=1, max_size=4).map(RangeSet.of)
    names = 1 + len(more)
    return PrimedPush(
        channel=draw(CHANNELS),
        seqs=RangeSet.of([first, *more]),
        context=draw(st.one_of(st.just(right_before), scattered)),
        check=draw(st.binary(min_size=CHECK_BYTES, max_size=CHECK_BYTES)),
        columns=draw(st.binary(max_size=20)),
        bodies=draw(st.binary(max_size=40)),
        authors=tuple(draw(st.lists(USERS, max_size=names, unique=True))),
        types=tuple(draw(st.lists(CONTENT_TYPES, max_size=names, unique=True))),
    )


FAULTS = st.builds(Fault, code=SOME_CODES, rid=RIDS, text=st.text(max_size=40), version=st.integers(0, 7))


@st.composite
def bases(draw: st.DrawFn, channels: tuple[str, ...]) -> Basis:
    """What a parcel builds on, in a channel of its messages or in another one."""
    last = draw(SEQS)
    holes = RangeSet([(1, last)]) & draw(range_sets())
    return Basis(
        channel=draw(st.one_of(st.sampled_from(channels), CHANNELS)),
        last=last,
        holes=holes,
        check=draw(st.binary(min_size=4, max_size=4)),
    )


@st.composite
def parcels(draw: st.DrawFn) -> Parcel:
    """Batches of an outbox, deflated or not: what is in them is another matter."""
    numbers_ = draw(numbers(b"abcd").filter(bool))
    if draw(st.booleans()):
        numbers_ = list(range(numbers_[0], numbers_[0] + len(numbers_)))
    names = CHANNELS if draw(st.booleans()) else st.just(draw(CHANNELS))
    channels = tuple(draw(names) for _ in numbers_)
    plain = draw(st.booleans())
    return Parcel(
        outbox=draw(OUTBOXES),
        numbers=tuple(numbers_),
        channels=channels,
        sents=tuple(draw(TIMES) - draw(TIMES) for _ in numbers_),
        kinds=tuple(0 if plain else draw(KINDS) for _ in numbers_),
        content_types=tuple("" if plain else draw(CONTENT_TYPES) for _ in numbers_),
        basis=draw(st.one_of(st.none(), bases(channels))),
        deflated=draw(st.binary(max_size=40)),
    )


DICTIONARY_IDS = st.integers(TRAINED_ID_MIN, DICTIONARY_STOP - 1)
FETCHES = st.builds(
    Fetch,
    rid=RIDS,
    dictionary=DICTIONARY_IDS,
    offset=st.one_of(st.just(0), st.integers(0, DICTIONARY_DEFLATED_BYTES_MAX)),
    page_bytes=st.one_of(st.just(PAGE_BYTES_DEFAULT), st.integers(PAGE_BYTES_MIN, PAGE_BYTES_MAX)),
)


@st.composite
def pieces(draw: st.DrawFn) -> Piece:
    """Pieces of dictionaries: the whole, the middle, the end, or none."""
    data = draw(st.binary(max_size=40))
    offset = draw(st.sampled_from([0, 0, 5, 16_000]))
    more = draw(st.sampled_from([0, 0, 7, 40_000])) if data else 0
    return Piece(
        rid=draw(RIDS),
        dictionary=draw(DICTIONARY_IDS),
        size=offset + len(data) + more,
        offset=offset,
        data=data,
    )


PATTERNS = st.sampled_from(["#", "room/+", "+", "a/b/#", "+/+/+", "room"])
FILTERS = st.builds(
    Filter,
    since=st.one_of(st.just(0), st.integers(0, TIME_MS_STOP - 1)),
    until=st.one_of(st.just(0), st.integers(0, TIME_MS_STOP - 1)),
    newest=st.one_of(st.just(0), st.integers(0, SEQ_STOP - 1)),
    authors=st.lists(LEVELS.filter(topics.is_user), max_size=3, unique=True).map(tuple),
    kinds=st.lists(st.integers(0, KIND_STOP - 1), max_size=3, unique=True).map(tuple),
    patterns=st.lists(PATTERNS, max_size=3, unique=True).map(tuple),
    max_body=st.one_of(st.just(0), st.integers(MAX_BODY_MIN, BODY_SIZE_STOP - 1)),
)
CURSORS = st.one_of(st.none(), st.builds(Cursor, CHANNELS, st.integers(0, SEQ_STOP - 1)))


@st.composite
def queries(draw: st.DrawFn, requests: st.SearchStrategy[SyncRequest | Resync]) -> Query:
    """Requests that choose; those that choose nothing are plain ones in JSON."""
    query = Query(
        request=draw(requests),
        depth=draw(st.sampled_from(Depth)),
        filter=draw(FILTERS),
        after=draw(CURSORS),
    )
    chosen = query.depth or query.filter != NO_FILTER or query.after is not None
    return query if chosen else replace(query, depth=Depth.PREVIEW)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """Pages of numbers."""
    channels = []
    for name in draw(st.lists(CHANNELS, max_size=3, unique=True)):
        seqs = RangeSet.of(draw(st.lists(st.integers(1, 400), max_size=8, unique=True)))
        sizes = draw(st.lists(st.integers(0, 2**20), min_size=seqs.count, max_size=seqs.count))
        head = max(seqs.stop - 1, 0) + draw(st.sampled_from([0, 0, 7]))
        epoch, floor = draw(st.integers(0, EPOCH_STOP - 1)), draw(st.sampled_from([1, 1, 9]))
        channels.append(Listed(name, epoch, head, floor, seqs, tuple(sizes)))
    return Manifest(rid=draw(RIDS), more=draw(st.booleans()), channels=tuple(channels))


ESTIMATES = st.builds(
    Estimate,
    rid=RIDS,
    records=st.integers(0, SEQ_STOP - 1),
    pages=st.integers(0, 999),
    page_bytes=st.integers(0, BODY_SIZE_STOP - 1),
    body_bytes=st.integers(0, BODY_SIZE_STOP - 1),
)
ASKS = st.builds(
    Ask,
    rid=RIDS,
    channel=CHANNELS,
    epoch=EPOCHS,
    seq=SEQS,
    offset=st.one_of(st.just(0), st.integers(0, LARGE_BYTES_MAX)),
    page_bytes=st.one_of(st.just(PAGE_BYTES_DEFAULT), st.integers(PAGE_BYTES_MIN, PAGE_BYTES_MAX)),
)
UPLOADS = st.builds(Upload, rid=RIDS, offset=st.integers(0, LARGE_BYTES_MAX))


@st.composite
def portions(draw: st.DrawFn) -> Portion:
    """Portions of bodies: the whole, the middle, the end, or none."""
    data = draw(st.binary(max_size=40))
    offset = draw(st.sampled_from([0, 0, 5, 1_600_000]))
    more = draw(st.sampled_from([0, 0, 7, 40_000])) if data else 0
    digest = draw(st.one_of(st.just(b""), BODY_DIGESTS))
    return Portion(rid=draw(RIDS), size=offset + len(data) + more, offset=offset, data=data, digest=digest)


@st.composite
def chunks(draw: st.DrawFn) -> Chunk:
    """Chunks of bodies on the grain, the last one of any length; or none, which asks."""
    offset = draw(st.integers(0, 40)) * CHUNK_GRAIN_BYTES
    data = draw(st.one_of(st.binary(max_size=40), st.just(bytes(CHUNK_GRAIN_BYTES))))
    more = 0 if len(data) % CHUNK_GRAIN_BYTES else draw(st.sampled_from([0, 7, 40_000]))
    size = offset + len(data) + more
    return Chunk(rid=draw(RIDS), digest=draw(BODY_DIGESTS), size=size, offset=offset, data=data)


@st.composite
def enrols(draw: st.DrawFn) -> Enrol:
    """Requests about who is in a channel, each with what its action may have."""
    action = draw(st.sampled_from(Action))
    low, high = {Action.DIRECT: (1, 1), Action.CREATE: (0, 4), Action.LEAVE: (0, 0)}.get(action, (1, 4))
    return Enrol(
        rid=draw(RIDS),
        action=action,
        channel="" if action is Action.DIRECT else draw(CHANNELS),
        users=tuple(draw(st.lists(USERS, min_size=low, max_size=high, unique=True))),
        role=draw(st.sampled_from(Role)) if action in (Action.CREATE, Action.INVITE) else Role.WRITER,
        windowed=action is Action.CREATE and draw(st.booleans()),
    )


ROSTERS = st.builds(
    Roster, rid=RIDS, channel=CHANNELS, epoch=EPOCHS, role=st.one_of(st.none(), st.sampled_from(Role))
)


@st.composite
def spans(draw: st.DrawFn) -> tuple[Span, ...]:
    """Parts of channels, ascending."""
    made = []
    for place in sorted(draw(st.sets(PLACES, max_size=3))):
        edges = sorted(draw(st.sets(st.one_of(st.integers(1, 60), SEQS), max_size=4)))
        for start, stop in zip(edges[::2], edges[1::2], strict=False):
            count = draw(st.integers(1, min(stop - start, 5)))
            sums = draw(st.lists(st.integers(0, AUDIT_SUM_STOP - 1), min_size=count, max_size=count))
            made.append(Span(place, start, stop, tuple(sums)))
    return tuple(made)


AUDITS_OF_ALL = st.builds(
    Audit,
    request=RIDS,
    total=st.integers(0, SUM_STOP - 1),
    patterns=st.lists(PATTERNS, max_size=3, unique=True).map(tuple),
)
AUDITS = st.builds(
    Audit,
    request=st.one_of(SYNC_REQUESTS, PAGE_REQUESTS, resyncs()),
    total=st.one_of(st.none(), st.integers(0, SUM_STOP - 1)),
    channels=st.lists(st.integers(0, AUDIT_SUM_STOP - 1), max_size=5).map(tuple),
    spans=spans(),
    patterns=st.lists(PATTERNS, max_size=3, unique=True).map(tuple),
)
VERDICTS = st.builds(
    Verdict,
    rid=RIDS,
    lacking=st.one_of(st.integers(0, 30), st.integers(0, SEQ_STOP - 1)),
    news=st.integers(0, STATEMENTS_MAX),
    differing=st.sets(st.integers(1, STATEMENTS_MAX), max_size=6).map(RangeSet.of),
)

FRAMES = st.one_of(
    messages(),
    receipts(),
    SYNC_REQUESTS,
    deltas(),
    pushes(),
    primed_pushes(),
    FAULTS,
    FETCHES,
    pieces(),
    queries(SYNC_REQUESTS),
    manifests(),
    ESTIMATES,
    enrols(),
    ROSTERS,
    MARK_REQUESTS,
    marks(),
    ASKS,
    UPLOADS,
    portions(),
    chunks(),
)
"""What has a form in both encodings."""

PACKED_FRAMES = st.one_of(
    FRAMES,
    parcels(),
    PAGE_REQUESTS,
    resyncs(),
    pages(),
    queries(st.one_of(PAGE_REQUESTS, resyncs())),
    AUDITS,
    AUDITS_OF_ALL,
    VERDICTS,
)
"""All that there are."""
