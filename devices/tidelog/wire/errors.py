"""Errors that both sides know: one tree, one table of wire codes (SPEC.md, "Errors").

::

    TidelogError
    |-- UsageError        the caller asked for something that cannot be (bad name, bad argument)
    |-- ProtocolError     the peer broke the protocol (malformed frame, unknown version, limit)
    |-- Unavailable       the world failed: link, broker, service, disk, time
    `-- Denied            the service or the broker refused: credentials, membership, revoked

Every error has a ``code`` (a short stable word) and may have a ``hint`` (what to do about it).
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """Numbers of errors on the wire; the lower-case name is the ``code`` that people see."""

    MALFORMED = 1
    VERSION = 2
    LIMIT = 3
    NO_CHANNEL = 4
    DENIED = 5
    CONFLICT = 6
    WINDOW = 7
    UNSUPPORTED = 8
    BUSY = 9
    INTERNAL = 10
    TOKEN = 11
    CONTEXT = 12
    NO_RECORD = 13
    NO_USER = 17
    BLOB = 14

    @property
    def word(self) -> str:
        """The code as people and JSON see it."""
        return self.name.lower()


class TidelogError(Exception):
    """Root of every error that Tidelog raises.

    Args:
        message: what happened, with the values at fault.
        code: short stable word; scripts may rely on it.
        hint: what the reader can do about it, or an empty string.
    """

    default_code = "error"

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        """See the class."""
        super().__init__(message)
        self.code = code or self.default_code
        self.hint = hint


class UsageError(TidelogError):
    """The caller's mistake: nothing was sent or stored."""

    default_code = "usage"


class ProtocolError(TidelogError):
    """The peer's mistake, with the wire code that answers it.

    Args:
        message: what is wrong with the frame.
        wire_code: the code to answer with.
        highest_version: with ``Code.VERSION``, the highest version that this side speaks.
    """

    default_code = "malformed"

    def __init__(self, message: str, *, wire_code: Code = Code.MALFORMED, highest_version: int = 0) -> None:
        """See the class."""
        super().__init__(message, code=wire_code.word)
        self.wire_code = wire_code
        self.highest_version = highest_version


class Unavailable(TidelogError):  # noqa: N818 - a state of the world; the public name is fixed
    """The link, the broker, the service or the disk did not answer; trying again may help."""

    default_code = "unavailable"


class Denied(TidelogError):  # noqa: N818 - the public name is fixed
    """Credentials, membership or role do not allow it."""

    default_code = "denied"


_HINTS = {
    Code.MALFORMED: "the frame does not follow SPEC.md; `tidelog decode` shows what was sent",
    Code.VERSION: "one side is newer than the other: update the older one",
    Code.LIMIT: "something is larger than the limits in SPEC.md",
    Code.NO_CHANNEL: "there is no such channel, or this device's user is not a member of it",
    Code.DENIED: "this device's user may not do that in this channel",
    Code.CONFLICT: "the message number was used before for another message, or the channel's name is taken",
    Code.WINDOW: "the message number is too far above those received so far",
    Code.UNSUPPORTED: "the peer does not know this request in its version",
    Code.BUSY: "try again later",
    Code.INTERNAL: "see the service's log",
    Code.TOKEN: "the device states what it has in full; that costs bytes, never records",
    Code.NO_RECORD: "it was deleted or edited meanwhile, or it is no message: sync, then try again",
    Code.NO_USER: "users are added by the operator; is the name right?",
    Code.BLOB: "the bytes of a large body are not there whole, or are not what its digest says",
    Code.CONTEXT: "one side holds other records than the other thinks: the same goes again without context",
}


def error_for(code: Code, message: str) -> TidelogError:
    """Turn a code that came over the wire into the error to raise.

    Args:
        code: the wire code.
        message: the peer's text, may be empty.

    Returns:
        an instance of one of the four branches, not raised.
    """
    text = message or code.word
    hint = _HINTS[code]
    if code in (Code.NO_CHANNEL, Code.DENIED):
        return Denied(text, code=code.word, hint=hint)
    if code in (Code.BUSY, Code.INTERNAL, Code.TOKEN):
        return Unavailable(text, code=code.word, hint=hint)
    if code in (Code.MALFORMED, Code.VERSION, Code.CONTEXT, Code.BLOB):
        return _protocol_error(code, text, hint)
    return UsageError(text, code=code.word, hint=hint)


def _protocol_error(code: Code, text: str, hint: str) -> ProtocolError:
    error = ProtocolError(text, wire_code=code)
    error.hint = hint
    return error


def hint_for(code: Code) -> str:
    """The hint that goes with a wire code."""
    return _HINTS[code]
