"""Checks of single fields that a peer sent; both decoders share them.

Each takes the value as it was decoded and returns it with its type, or raises `ProtocolError`: code
MALFORMED where the type or the form is wrong, LIMIT where only the size is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Final, TypeVar

from tidelog.wire import topics
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import (
    BODY_BYTES_MAX,
    BODY_DIGEST_BYTES,
    BODY_SIZE_STOP,
    CHANNEL_BYTES_MAX,
    CONTENT_TYPE_BYTES_MAX,
    DICTIONARY_DEFLATED_BYTES_MAX,
    DICTIONARY_STOP,
    FAULT_TEXT_BYTES_MAX,
    FILTER_NAMES_MAX,
    LARGE_BYTES_MAX,
    MANIFEST_RECORDS_MAX,
    MAX_BODY_MIN,
    OUTBOX_ID_BYTES,
    PACKET_BYTES_MAX,
    PAGE_BYTES_MAX,
    PAGE_BYTES_MIN,
    ROOM_BYTES_MIN,
    TRAINED_ID_MIN,
    USER_BYTES_MAX,
)
from tidelog.wire.queries import Depth
from tidelog.wire.ranges import RangeSet

T = TypeVar("T")

_SHOWN_CHARS: Final = 64

# Names come again and again, and checking one costs a microsecond. What is kept is at most 64 characters.
_is_channel = lru_cache(maxsize=2048)(topics.is_channel)
_is_user = lru_cache(maxsize=2048)(topics.is_user)


def shown(value: object) -> str:
    """A peer's value as an error message may show it: short, whatever it is."""
    if isinstance(value, str):
        return repr(value[:_SHOWN_CHARS])
    return repr(value) if isinstance(value, int) else type(value).__name__


def uint(value: object, stop: int, what: str) -> int:
    """A whole number from 0 up to but not including ``stop``."""
    if type(value) is not int or value < 0:
        raise ProtocolError(f"{what} is not an unsigned whole number: {shown(value)}")
    if value >= stop:
        raise ProtocolError(f"{what} is not below {stop}", wire_code=Code.LIMIT)
    return value


def seq(value: object, stop: int, what: str) -> int:
    """A whole number from 1 up to but not including ``stop``."""
    if uint(value, stop, what) == 0:
        raise ProtocolError(f"{what} is 0")
    return uint(value, stop, what)


def boolean(value: object, what: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ProtocolError(f"{what} is neither true nor false: {shown(value)}")
    return value


def octets(value: object, what: str) -> bytes:
    """A byte string of any length."""
    if not isinstance(value, bytes):
        raise ProtocolError(f"{what} is not a byte string: {shown(value)}")
    return value


def body(value: bytes) -> bytes:
    """A body that goes inline."""
    if len(value) > BODY_BYTES_MAX:
        raise ProtocolError(f"a body of {len(value)} bytes", wire_code=Code.LIMIT)
    return value


def items(value: object, count_max: int, what: str) -> list[object]:
    """An array of at most ``count_max`` items."""
    if not isinstance(value, list):
        raise ProtocolError(f"{what} is not an array: {shown(value)}")
    if len(value) > count_max:
        raise ProtocolError(f"{what}: more than {count_max}", wire_code=Code.LIMIT)
    return value


def distinct(values: list[T], what: str) -> list[T]:
    """The values, each of which may occur once only."""
    if len(set(values)) != len(values):
        raise ProtocolError(f"{what}: one is there twice")
    return values


def page_bytes(value: object) -> int:
    """A page's size that a device may ask for."""
    if uint(value, PAGE_BYTES_MAX + 1, "page_bytes") < PAGE_BYTES_MIN:
        raise ProtocolError(f"page_bytes is below {PAGE_BYTES_MIN}", wire_code=Code.LIMIT)
    return uint(value, PAGE_BYTES_MAX + 1, "page_bytes")


def room(value: object) -> int:
    """A bound on the payload of an answer; 0 for none."""
    size = uint(value, PACKET_BYTES_MAX + 1, "room")
    if 0 < size < ROOM_BYTES_MIN:
        raise ProtocolError(f"room of less than {ROOM_BYTES_MIN} bytes", wire_code=Code.LIMIT)
    return size


def outbox(value: object) -> bytes:
    """An outbox id, or an empty string."""
    if not isinstance(value, bytes) or len(value) not in (0, OUTBOX_ID_BYTES):
        raise ProtocolError(f"an outbox id is not {OUTBOX_ID_BYTES} bytes")
    return value


def channel(value: object) -> str:
    """A channel's name."""
    if isinstance(value, str) and len(value) <= CHANNEL_BYTES_MAX and _is_channel(value):
        return value
    raise ProtocolError(f"not a channel name: {shown(value)}")


def user(value: object) -> str:
    """A user's name."""
    if isinstance(value, str) and len(value) <= USER_BYTES_MAX and _is_user(value):
        return value
    raise ProtocolError(f"not a user name: {shown(value)}")


def pattern(value: object) -> str:
    """An MQTT filter of channels' names."""
    if isinstance(value, str) and len(value) <= CHANNEL_BYTES_MAX and topics.is_pattern(value):
        return value
    raise ProtocolError(f"not a pattern of channels: {shown(value)}")


def named(value: object, read: Callable[[object], T], what: str) -> tuple[T, ...]:
    """What a filter names, each once."""
    return tuple(distinct([read(item) for item in items(value, FILTER_NAMES_MAX, what)], what))


def max_body(value: object) -> int:
    """A filter's bound on bodies, bytes; 0 for none."""
    size = uint(value, BODY_SIZE_STOP, "max_body")
    if 0 < size < MAX_BODY_MIN:
        raise ProtocolError(f"max_body is below {MAX_BODY_MIN}", wire_code=Code.LIMIT)
    return size


def depth(value: object) -> Depth:
    """What a query asks for."""
    number = uint(value, 1 << 8, "the depth of a query")
    try:
        return Depth(number)
    except ValueError as error:
        raise ProtocolError(f"unknown depth {number}", wire_code=Code.UNSUPPORTED) from error


def listed(sets: Iterable[RangeSet]) -> None:
    """Check that sets of which each seq has an entry of its own are no larger than a manifest."""
    if sum(seqs.count for seqs in sets) > MANIFEST_RECORDS_MAX:
        raise ProtocolError(f"more than {MANIFEST_RECORDS_MAX} records", wire_code=Code.LIMIT)


def content_type(value: object) -> str:
    """A media type of printable ASCII, or an empty string."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise ProtocolError(f"not a content type: {shown(value)}")
    if len(value) > CONTENT_TYPE_BYTES_MAX:
        raise ProtocolError(f"a content type: more than {CONTENT_TYPE_BYTES_MAX} bytes", wire_code=Code.LIMIT)
    return value


def dictionary(value: object) -> int:
    """The id of a trained dictionary: built-in ones are not fetched."""
    number = uint(value, DICTIONARY_STOP, "the id of a dictionary")
    if number < TRAINED_ID_MIN:
        raise ProtocolError(f"dictionary {number} is not a trained one")
    return number


def deflated_bytes(value: object, what: str) -> int:
    """How many bytes of a deflated dictionary."""
    return uint(value, DICTIONARY_DEFLATED_BYTES_MAX + 1, what)


def large_bytes(value: object, what: str) -> int:
    """How many bytes of a large body."""
    return uint(value, LARGE_BYTES_MAX + 1, what)


def body_digest(value: object) -> bytes:
    """The digest of a large body."""
    if not isinstance(value, bytes) or len(value) != BODY_DIGEST_BYTES:
        raise ProtocolError(f"the digest of a body is not {BODY_DIGEST_BYTES} bytes")
    return value


def fault_text(value: object) -> str:
    """What a fault says to people."""
    if not isinstance(value, str):
        raise ProtocolError(f"the text of a fault is not text: {shown(value)}")
    if len(utf8(value, "the text of a fault")) > FAULT_TEXT_BYTES_MAX:
        raise ProtocolError(
            f"the text of a fault: more than {FAULT_TEXT_BYTES_MAX} bytes", wire_code=Code.LIMIT
        )
    return value


def cut_text(text: str) -> str:
    """The beginning of a fault's text that fits; it may show what a peer sent, so it is never trusted."""
    return text.encode("utf8", "replace")[:FAULT_TEXT_BYTES_MAX].decode("utf8", "ignore")


def utf8(value: str, what: str) -> bytes:
    """Text as UTF-8; JSON can name halves of surrogate pairs, which have none."""
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise ProtocolError(f"{what} is not Unicode text") from error


def code(value: object) -> Code:
    """A wire code that this version knows."""
    number = uint(value, 2**16, "an error code")
    try:
        return Code(number)
    except ValueError as error:
        raise ProtocolError(f"unknown error code {number}", wire_code=Code.UNSUPPORTED) from error


def members(seqs: RangeSet, count_max: int) -> list[int]:
    """Every number of a set that came as ranges, and so may name far more than it has bytes."""
    if seqs.count > count_max:
        raise ProtocolError(f"ranges hold more than {count_max} numbers", wire_code=Code.LIMIT)
    return list(seqs)


def numbering(numbers: list[int], outbox: bytes) -> None:
    """Check the message numbers of a batch: all 0 (none), or ascending strictly; an outbox has numbers."""
    if outbox and numbers and not numbers[0]:
        raise ProtocolError("a message of an outbox has no number")
    if len(numbers) < 2 or not any(numbers):  # noqa: PLR2004 - one number ascends, and batches of one abound
        return
    if not numbers[0] or any(after <= before for before, after in pairwise(numbers)):
        raise ProtocolError("message numbers do not ascend")
