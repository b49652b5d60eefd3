"""What the application may pass to a device: checked before anything is written or sent."""

from __future__ import annotations

from typing import NoReturn

from tidelog import codec as codecs
from tidelog.wire.errors import UsageError
from tidelog.wire.frames import CODEC_NONE, KIND_APPLICATION_FIRST, KIND_MESSAGE
from tidelog.wire.limits import (
    BODY_BYTES_MAX,
    CONTENT_TYPE_BYTES_MAX,
    KIND_STOP,
    PAGE_BYTES_MAX,
    PAGE_BYTES_MIN,
)


def not_yet(what: str) -> NoReturn:
    """Refuse what a later version brings.

    Raises:
        UsageError: always (``unsupported``).
    """
    hint = "CHANGELOG.md says what each version brings"
    raise UsageError(f"{what} is not in this version", code="unsupported", hint=hint)


def refuse_later(**arguments: object) -> None:
    """Refuse arguments of `Device.sync` that a later version brings, where they are given.

    Raises:
        UsageError: one is (``unsupported``).
    """
    for name, value in arguments.items():
        if value is not None:
            not_yet(f"sync({name}=...)")


def offered_codecs(codec: str) -> tuple[int, ...]:
    """What to offer in requests: all, or the one that was named.

    Raises:
        UsageError: there is no codec of that name.
    """
    if codec == "auto":
        return codecs.offered()
    chosen = codecs.by_name(codec)
    return () if chosen.id == CODEC_NONE else (chosen.id,)


def compresses(codec: str) -> bool:
    """Whether a device with this codec compresses what it sends; checked by `offered_codecs`."""
    return codec != codecs.by_id(CODEC_NONE).name


def checked_page(page_bytes: int) -> int:
    """The page size, where it is one.

    Raises:
        UsageError: otherwise.
    """
    if not PAGE_BYTES_MIN <= page_bytes <= PAGE_BYTES_MAX:
        raise UsageError(f"page_bytes {page_bytes}: from {PAGE_BYTES_MIN} to {PAGE_BYTES_MAX}")
    return page_bytes


def checked_body(body: str | bytes) -> bytes:
    """The body as bytes, text as UTF-8.

    Raises:
        UsageError: it is larger than goes inline (``limit``), or text that UTF-8 cannot hold.
    """
    try:
        raw = body.encode() if isinstance(body, str) else bytes(body)
    except UnicodeEncodeError as error:
        raise UsageError(f"not a text that UTF-8 can hold: {error}") from error
    if len(raw) > BODY_BYTES_MAX:
        raise UsageError(f"a body of {len(raw)} bytes; at most {BODY_BYTES_MAX} go inline", code="limit")
    return raw


def checked_kind(kind: int) -> int:
    """The kind, where an application may use it.

    Raises:
        UsageError: otherwise.
    """
    if kind != KIND_MESSAGE and not KIND_APPLICATION_FIRST <= kind < KIND_STOP:
        raise UsageError(f"kind {kind}: 0 is a message, {KIND_APPLICATION_FIRST} to 255 the application's")
    return kind


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
