"""What tells that a message came before, where its sender has no numbers: a key of its payload."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any, Final

from tidelog_service.engine.rules import KEY_DIGEST

DIGEST_BYTES: Final = 16
"""What is kept of a key: two of them agree once in 2**64 messages."""


def key_digest(key: str, *, channel_id: int, topic: str, payload: bytes) -> bytes | None:
    """What is kept of a message's key: equal for the same key on the same topic in the same channel.

    Args:
        key: of the rule, see `tidelog_service.engine.rules.IngestRule`.
        channel_id: where the message goes.
        topic: where it was published: devices number by themselves, not together.
        payload: at most an inline body.

    Returns:
        `DIGEST_BYTES`; ``None`` where the payload has no such key.
    """
    value = key_value(key, payload)
    if value is None:
        return None
    name = topic.encode()
    head = b"%d %d " % (channel_id, len(name))
    return blake2b(head + name + value, digest_size=DIGEST_BYTES).digest()


def key_value(key: str, payload: bytes) -> bytes | None:
    """What a payload's key is, as JSON where it is a field; ``None`` where there is none."""
    if key == KEY_DIGEST:
        return payload
    try:
        value: Any = json.loads(payload)
        for step in _steps(key):
            value = value[int(step) if isinstance(value, list) else step]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    # A text is another key than the number that looks the same.
    return json.dumps(value).encode() if isinstance(value, str | int | float) else None


def _steps(key: str) -> list[str]:
    if not key.startswith("/"):
        return [key]
    return [step.replace("~1", "/").replace("~0", "~") for step in key[1:].split("/")]
