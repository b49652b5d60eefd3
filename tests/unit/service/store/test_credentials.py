"""Secrets as they are made."""

from __future__ import annotations

from tidelog_service.store import credentials


def test_secrets_are_long_random_and_plain() -> None:
    """More than 128 bits in letters and digits."""
    made = {credentials.new_secret() for _ in range(200)}
    assert len(made) == 200
    assert {len(secret) for secret in made} == {24}
    assert all(secret.isascii() and secret.isalnum() for secret in made)
