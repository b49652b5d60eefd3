"""What tells a message from another one with the same number (SPEC.md, "Digests").

Both sides compute it: the service keeps it with a number that it has taken, and its answers carry the
beginning of it, so that a device can tell an answer to its message from one to an earlier bearer of the
number.
"""

from __future__ import annotations

from hashlib import blake2b

from tidelog.wire import varint
from tidelog.wire.frames import Message
from tidelog.wire.limits import ANSWER_DIGEST_BYTES, MESSAGE_DIGEST_BYTES


def message_digest(message: Message) -> bytes:
    """``MESSAGE_DIGEST_BYTES`` over all that the device wrote, its number excepted.

    Args:
        message: its kind, ``sent``, content type, channel and body count; the lengths of the texts stand
            before them, so that no two messages are hashed as the same bytes.
    """
    content_type, channel = message.content_type.encode(), message.channel.encode()
    head = varint.encode([message.kind, message.sent, len(content_type), len(channel)])
    hashed = head + content_type + channel + message.body
    return blake2b(hashed, digest_size=MESSAGE_DIGEST_BYTES).digest()


def answer_digest(message: Message) -> bytes:
    """What an answer to the message carries: the first ``ANSWER_DIGEST_BYTES``; nothing without a number."""
    return message_digest(message)[:ANSWER_DIGEST_BYTES] if message.n else b""
