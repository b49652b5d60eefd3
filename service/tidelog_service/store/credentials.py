"""Devices' secrets, made here; their hashes are those of `tidelog_service.engine.secrets`."""

from __future__ import annotations

import secrets
import string
from typing import Final

_SECRET_CHARS: Final = 24
"""Of 62 letters and digits: 142 bits, no characters that a shell or a URL would mind."""

SECRET_BYTES_MAX: Final = 1_024
"""A secret given by a person, in UTF-8; bounds the work of a check."""


def new_secret() -> str:
    """A fresh secret: 24 letters and digits."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(_SECRET_CHARS))
