"""Keeps Mosquitto's files as the registry and the configuration say, and has it read them again."""

from __future__ import annotations

import os
import pwd
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from tidelog.wire.url import BrokerUrl
from tidelog_service.config import Settings
from tidelog_service.engine.rules import IngestRules
from tidelog_service.engine.secrets import SALT_BYTES, mosquitto_hash
from tidelog_service.mqtt.mosquitto import CONF, PID, MosquittoSetup, reload, write_mosquitto_files
from tidelog_service.store.registry import Registry


class BrokerFiles:
    """Mosquitto's configuration, access rules and passwords in ``broker.mosquitto_folder``.

    Args:
        settings: where to, and how devices and the service reach the broker.
        registry: the devices; touched by the thread that calls `keep`.
    """

    def __init__(self, settings: Settings, registry: Registry) -> None:
        """See the class."""
        broker = settings.broker
        self.folder = Path(broker.mosquitto_folder).absolute()
        self._registry = registry
        self._reload = broker.mosquitto_reload
        self._setup = MosquittoSetup(
            folder=self.folder,
            data_dir=self.folder,
            port=BrokerUrl.parse(broker.url).port if broker.url else broker.port,
            listener_host=broker.host,
            user=_account(),
            service_hash=_stable_hash(broker.password.get_secret_value()),
        )
        self.use(settings.rules)

    @property
    def configuration(self) -> Path:
        """What ``mosquitto -c`` is given."""
        return self.folder / CONF

    def use(self, rules: IngestRules) -> None:
        """Write the access rules for these ingest rules from the next `keep` on."""
        self._setup = replace(self._setup, filters=rules.filters, patterns=rules.patterns)

    def keep(self) -> frozenset[str]:
        """Write what has changed, and tell a running Mosquitto if that is wanted.

        Returns:
            the names of the files that have changed.

        Raises:
            UsageError: a value that Mosquitto would misread.
            Unavailable: the folder cannot be written, or Mosquitto cannot be told.
        """
        changed = write_mosquitto_files(self.folder, self._setup, self._registry.secret_hashes())
        pid = self.folder / PID
        if changed and self._reload and pid.exists():
            reload(pid)
        return changed


def _account() -> str:
    """Who owns the files: Mosquitto started as root would become somebody who cannot read them."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # In a container the account may have no name; root does not start Mosquitto there.
        return ""


def _stable_hash(password: str) -> str:
    """The same hash for the same password: a fresh salt would look like a change, and cut the service off.

    The password is one secret of the operator's, so that a salt of its own tells nobody anything.
    """
    salt = blake2b(password.encode(), digest_size=SALT_BYTES, person=b"tidelog-service").digest()
    return mosquitto_hash(password, salt=salt)
