"""Hashes of secrets, in the one form that the store, Mosquitto and the embedded broker all read.

``$7$<iterations>$<salt>$<digest>``: PBKDF2 with HMAC-SHA512 (RFC 8018, section 5.2), salt and digest in
base64; what ``mosquitto_passwd`` writes since Mosquitto 2.0.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from typing import Final

SALT_BYTES: Final = 12
"""As ``mosquitto_passwd``; Mosquitto 2.0.11 reads a salt of this length only."""

DIGEST_BYTES: Final = 64
"""SHA-512's."""

ITERATIONS: Final = 101
"""As ``mosquitto_passwd``. Secrets are random and long, so stretching buys nothing: a broker that restarts
with 10,000 devices must check them all within seconds."""

ITERATIONS_MAX: Final = 1_000_000
"""Of a hash that is read: bounds the work of checking one secret to about a second."""

_KIND: Final = "7"


def mosquitto_hash(secret: str, *, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """Hash a secret for the store and for Mosquitto's password file.

    Args:
        secret: the password that the device will give.
        salt: 12 bytes; fresh ones from the operating system where it is ``None``.
        iterations: of PBKDF2, 1 to 1,000,000.

    Returns:
        ``$7$101$<base64>$<base64>``, plain ASCII.
    """
    chosen = os.urandom(SALT_BYTES) if salt is None else salt
    digest = _digest(secret, salt=chosen, iterations=iterations)
    return f"${_KIND}${iterations}${_text(chosen)}${_text(digest)}"


def is_hash_of(stored: str, secret: str) -> bool:
    """Whether `mosquitto_hash` made this from that secret; takes the same time wherever they differ.

    Args:
        stored: the hash; one that is malformed or asks for too much work fits no secret.
        secret: what a client gave as its password.
    """
    parts = stored.split("$")
    if len(parts) != 5 or parts[:2] != ["", _KIND] or not parts[2].isdecimal():  # noqa: PLR2004 - its fields
        return False
    iterations = int(parts[2][:8])
    try:
        salt, digest = (base64.b64decode(each, validate=True) for each in parts[3:])
    except (binascii.Error, ValueError):
        return False
    if not 1 <= iterations <= ITERATIONS_MAX:
        return False
    return hmac.compare_digest(digest, _digest(secret, salt=salt, iterations=iterations))


def _digest(secret: str, *, salt: bytes, iterations: int) -> bytes:
    # A client may send any text; a lone surrogate has no UTF-8 and fits nothing that was ever hashed.
    return hashlib.pbkdf2_hmac(
        "sha512", secret.encode(errors="surrogatepass"), salt, iterations, DIGEST_BYTES
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
