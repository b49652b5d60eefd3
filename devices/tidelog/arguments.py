"""What the application may pass to a device: checked before anything is written or sent."""

from __future__ import annotations

from collections.abc import Iterable

from tidelog import codec as codecs
from tidelog.codec.page import Rule
from tidelog.replica.holdings import RUNS_STATED_MAX
from tidelog.wire import models
from tidelog.wire.errors import UsageError
from tidelog.wire.frames import CODEC_NONE, KIND_APPLICATION_FIRST, KIND_MESSAGE
from tidelog.wire.limits import (
    BUDGET_BYTES_MIN,
    CONTENT_TYPE_BYTES_MAX,
    CONTEXT_BYTES_MAX,
    KIND_STOP,
    LARGE_BYTES_MAX,
    PAGE_BYTES_MAX,
    PAGE_BYTES_MIN,
    SEQ_STOP,
    STATEMENTS_MAX,
)
from tidelog.wire.ranges import RangeSet, Run
from tidelog.wire.topics import checked_channel


def offered_codecs(codec: str) -> tuple[int, ...]:
    """What to offer in requests: all, or the one that was named.

    Raises:
        UsageError: there is no codec of that name.
    """
    if codec == "auto":
        return codecs.offered()
    chosen = codecs.by_name(codec)
    return () if chosen == CODEC_NONE else (chosen,)


def checked_page(page_bytes: int) -> int:
    """The page size, where it is one.

    Raises:
        UsageError: otherwise.
    """
    if not PAGE_BYTES_MIN <= page_bytes <= PAGE_BYTES_MAX:
        raise UsageError(f"page_bytes {page_bytes}: from {PAGE_BYTES_MIN} to {PAGE_BYTES_MAX}")
    return page_bytes


def checked_context(context_kib: int | None) -> int:
    """What may prime an answer, in bytes, as requests can say it; all that there is where it was not said.

    Raises:
        UsageError: it is not from 0 to 256 KiB.
    """
    if context_kib is None:
        return CONTEXT_BYTES_MAX
    if not 0 <= context_kib << 10 <= CONTEXT_BYTES_MAX:
        raise UsageError(f"context_kib {context_kib}: from 0 to {CONTEXT_BYTES_MAX >> 10}")
    return models.context_bytes(models.context_code(context_kib << 10))


def checked_channels(channels: Iterable[str] | None) -> tuple[str, ...] | None:
    """The names of channels, each once; ``None`` for all.

    Raises:
        UsageError: one is no channel's name, or there are more than a request can state (``limit``).
    """
    if channels is None:
        return None
    names = tuple(dict.fromkeys(map(checked_channel, channels)))
    if len(names) > STATEMENTS_MAX:
        raise UsageError(f"{len(names)} channels: at most {STATEMENTS_MAX} in one sync", code="limit")
    return names


def checked_rule(newest: int | None, order: str) -> Rule:
    """Which records a sync is to bring, and in what order.

    Raises:
        UsageError: there is no such order, or not even one record is wanted.
    """
    if order not in ("newest", "oldest", "channels"):
        raise UsageError(f"order is 'newest', 'oldest' or 'channels', not {order!r}")
    if newest is not None and not 1 <= newest < SEQ_STOP:
        raise UsageError(f"newest {newest}: at least 1")
    return Rule(newest=newest or 0, oldest_first=order == "oldest", by_channel=order == "channels")


def checked_mode(mode: str) -> str:
    """The way of a sync.

    Raises:
        UsageError: there is no such way.
    """
    if mode not in ("delta", "manifest", "auto"):
        raise UsageError(f"mode is 'delta', 'manifest' or 'auto', not {mode!r}")
    return mode


def checked_seqs(seqs: Iterable[int]) -> RangeSet:
    """Numbers of records.

    Raises:
        UsageError: one is none, there are none, or more than a request can state (``limit``).
    """
    try:
        found = RangeSet.of(seqs)
    except (TypeError, ValueError) as error:
        raise UsageError(f"not numbers of records: {error}") from error
    if not found or found.runs[0][0] < 1 or found.stop >= SEQ_STOP:
        raise UsageError("records have numbers from 1 on")
    if len(found.runs) > RUNS_STATED_MAX:
        raise UsageError(f"{len(found.runs)} ranges: at most {RUNS_STATED_MAX} in one sync", code="limit")
    return found


def checked_ranges(ranges: Iterable[Run]) -> RangeSet:
    """Half-open ranges of seqs.

    Raises:
        UsageError: they are none.
    """
    try:
        return RangeSet(ranges)
    except (TypeError, ValueError) as error:
        raise UsageError(f"not half-open ranges: {error}") from error


def checked_budget(max_bytes: int | None) -> int:
    """What a sync may take, in bytes; 0 for no bound.

    Raises:
        UsageError: it is too little for any (``budget``).
    """
    if max_bytes is None:
        return 0
    if max_bytes < BUDGET_BYTES_MIN:
        raise UsageError(
            f"max_bytes {max_bytes}: at least {BUDGET_BYTES_MIN}",
            code="budget",
            hint="a request, its answer and one short record take so much",
        )
    return max_bytes


def checked_body(body: str | bytes) -> bytes:
    """The body as bytes, text as UTF-8.

    Raises:
        UsageError: it is larger than any body may be (``limit``), or text that UTF-8 cannot hold.
    """
    try:
        raw = body.encode() if isinstance(body, str) else bytes(body)
    except UnicodeEncodeError as error:
        raise UsageError(f"not a text that UTF-8 can hold: {error}") from error
    if len(raw) > LARGE_BYTES_MAX:
        raise UsageError(f"a body of {len(raw)} bytes; at most {LARGE_BYTES_MAX} can go", code="limit")
    return raw


def checked_kind(kind: int) -> int:
    """The kind, where an application may use it.

    Raises:
        UsageError: otherwise.
    """
    if kind != KIND_MESSAGE and not KIND_APPLICATION_FIRST <= kind < KIND_STOP:
        raise UsageError(f"kind {kind}: 0 is a message, {KIND_APPLICATION_FIRST} to 255 the application's")
    return kind


def checked_seq(seq: int) -> int:
    """The number of a record.

    Raises:
        UsageError: it is none.
    """
    if not 1 <= seq < SEQ_STOP:
        raise UsageError(f"not the number of a record: {seq}")
    return seq


def checked_content_type(content_type: str | None) -> str:
    """The content type, empty for none.

    Raises:
        UsageError: it is too long, or has characters that are not printable.
    """
    if content_type is None:
        return ""
    if not content_type.isprintable() or len(content_type.encode()) > CONTENT_TYPE_BYTES_MAX:
        raise UsageError(f"not a content type of up to {CONTENT_TYPE_BYTES_MAX} bytes: {content_type!r}")
    return content_type
