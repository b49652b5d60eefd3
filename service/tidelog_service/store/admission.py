"""Who may connect: asked by the embedded broker for every client, from its own thread."""

from __future__ import annotations

import hmac
import secrets
from threading import Lock
from typing import Final

from tidelog_service.engine.secrets import is_hash_of, mosquitto_hash
from tidelog_service.store import credentials
from tidelog_service.store.database import Database
from tidelog_service.store.generations import Watch
from tidelog_service.store.models import Device

_DECOY: Final = mosquitto_hash(credentials.new_secret())
"""Checked where there is no such device, so that the answer takes as long as for one that exists."""


class Admission:
    """Checks secrets against the stored hashes; any thread may ask.

    Args:
        database: where devices are kept; it is read through a connection of its own.
    """

    def __init__(self, database: Database) -> None:
        """See the class."""
        self._origin = database
        self._reader = database.another()
        self._lock = Lock()
        # Digests of the secrets admitted in this generation, under a key that never leaves the process.
        self._admitted: dict[str, bytes] = {}
        self._key = secrets.token_bytes(32)
        self._watch = Watch(self._reader, self._admitted.clear)
        self._stored_sql = self._reader.compile(
            Device.select(Device.secret).where((Device.id == "") & Device.revoked.is_null())
        )

    def close(self) -> None:
        """Close the connection; afterwards nothing may be asked."""
        if self._reader is not self._origin:
            self._reader.close()

    def admits(self, device: str, secret: str) -> bool:
        """See `tidelog_service.store.registry.Registry.admits`."""
        given = hmac.digest(self._key, secret.encode(errors="surrogatepass"), "sha256")
        with self._lock:
            generation = self._watch.look()
            known = self._admitted.get(device)
            if known is not None and hmac.compare_digest(known, given):
                return True
            stored = self._stored(device)
        # Outside the lock: this takes most of the time, and the interpreter lets other threads run.
        if not is_hash_of(stored or _DECOY, secret) or stored is None:
            return False
        with self._lock:
            # A change that another thread has seen by now would never be seen again by this entry.
            if self._watch.seen == generation:
                self._admitted[device] = given
        return True

    def _stored(self, device: str) -> str | None:
        rows = self._reader.fetch(self._stored_sql, (device,))
        return rows[0][0] if rows else None
