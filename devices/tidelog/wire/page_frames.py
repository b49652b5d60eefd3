"""The frames of pages: the request by token, and the page, not yet expanded (SPEC.md, "Resync", "Page").

As with `tidelog.wire.frames`, validation of what a peer sent happens in the decoders; `tidelog.codec.page`
writes and expands what a page holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tidelog.wire.marks import News
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Change, Growth, Told
from tidelog.wire.statements import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Resync:
    """A device asks again, by the token that stands for its last request of this scope.

    Attributes:
        rid: the request's id, echoed in the answer.
        token: ``TOKEN_BYTES``, as a page gave it.
        digest: of the account that the device takes the token to stand for.
        grown: its channels whose have-set grew at its end since, by place.
        changes: what else became of channels since, by place.
        statements: channels that it lacks, or has in another epoch.
        room: as in a `SyncRequest`.
    """

    rid: int
    token: bytes
    digest: int
    grown: tuple[Growth, ...] = ()
    changes: tuple[Change, ...] = ()
    statements: tuple[Statement, ...] = ()
    room: int = 0


class Model(NamedTuple):
    """How the bodies of a page were compressed, beside the codec.

    Attributes:
        context_bytes: how much of held bodies primes it: 0, or a power of two from 4 KiB to 256 KiB. 0 means
            no history for the columns either.
        memory_bytes: of the model: a power of two from 1 MiB to 64 MiB; 1 MiB where the codec has none.
        order: of the model, one of `MODEL_ORDERS`; the first where the codec has none.
    """

    context_bytes: int = 0
    memory_bytes: int = 1 << 20
    order: int = 6


class Screened(NamedTuple):
    """What passes a filter and is lacking of a channel.

    Attributes:
        place: the channel's, in the account as the page's header leaves it.
        seqs: at least one.
    """

    place: int
    seqs: RangeSet


MODEL_ORDERS: Final = (6, 4, 5, 8)
"""Orders that a page can name, by two bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The records of a page, not yet expanded: what they say depends on what the device holds.

    Attributes:
        codec: how the bodies are compressed.
        model: with what.
        dictionary: whether the dictionary of the request comes before the context.
        plain: whether the columns are of times and authors only.
        check: ``CHECK_BYTES`` over all records.
        columns: the range-coded string: parts, the text's size, columns.
        authors: names that no history has, in the order of first use.
        types: content types likewise.
        bodies: the text, compressed.
    """

    codec: int
    model: Model
    dictionary: bool
    plain: bool
    check: bytes
    columns: bytes = field(repr=False)
    authors: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    bodies: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the answer to a request that asked for pages.

    Attributes:
        rid: the request's id.
        more: whether something in scope remains.
        told: channels of which there is something to tell beside records, before all parts.
        gone: channels of the account that do not exist or that this device may not read.
        token: what the device may name its account by from now on; empty where there is none, or it has one.
        dictionary: id of a dictionary that the device would gain from; 0 for none.
        screened: in the answer to a filter, by place: the only seqs lacking that the page's parts are about.
        content: the records; ``None`` for none.
        marks: how far users have come, of channels where the account does not have it.
        user: whose device it is, with the first marks of an account; else empty.
    """

    rid: int
    more: bool = False
    told: tuple[Told, ...] = ()
    gone: tuple[str, ...] = ()
    token: bytes = b""
    dictionary: int = 0
    screened: tuple[Screened, ...] = ()
    content: Content | None = None
    marks: tuple[News, ...] = ()
    user: str = ""
