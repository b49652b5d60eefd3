"""Keys of payloads: which messages are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog_service.engine.idempotence import DIGEST_BYTES, key_digest


def digest(payload: bytes, key: str = "id", *, channel_id: int = 1, topic: str = "s/a") -> bytes | None:
    return key_digest(key, channel_id=channel_id, topic=topic, payload=payload)


@pytest.mark.parametrize(
    ("key", "payload"),
    [
        ("id", b'{"id": 5}'),
        ("id", b'{"id": "x", "t": 21.5}'),
        ("/id", b'{"id": 5}'),
        ("/head/n", b'{"head": {"n": 1}}'),
        ("/0/n", b'[{"n": 1}]'),
        ("/a~1b/~0", b'{"a/b": {"~": true}}'),
        ("digest", b"\xff"),
        ("digest", b""),
        ("/digest", b'{"digest": 1.5}'),
    ],
)
def test_a_payload_with_the_key(key: str, payload: bytes) -> None:
    made = digest(payload, key)
    assert made is not None
    assert len(made) == DIGEST_BYTES
    assert made == digest(payload, key)


@pytest.mark.parametrize(
    ("key", "payload"),
    [
        ("id", b'{"ID": 5}'),
        ("id", b'{"id": null}'),
        ("id", b'{"id": {"n": 5}}'),
        ("id", b'{"id": [5]}'),
        ("id", b"[5]"),
        ("id", b'"id"'),
        ("id", b"21.5"),
        ("id", b""),
        ("id", b"\xff"),
        ("id", b'{"id": ' + b"[" * 20_000),
        ("id", b'{"id": ' + b"9" * 5_000 + b"}"),
        ("/a/b", b'{"a": "b"}'),
        ("/7", b"[1]"),
    ],
)
def test_a_payload_without_it(key: str, payload: bytes) -> None:
    assert digest(payload, key) is None


def test_the_same_key_elsewhere_is_another_one() -> None:
    first = digest(b'{"id": 5}')
    assert digest(b'{"id": 5, "t": 1}') == first
    assert digest(b'{"id": "5"}') != first
    assert digest(b'{"id": 5}', channel_id=2) != first
    assert digest(b'{"id": 5}', topic="s/b") != first


@given(payload=st.binary(max_size=60), key=st.text(max_size=6))
def test_no_payload_is_too_odd(payload: bytes, key: str) -> None:
    digest(payload, key)
