"""Who a command acts as: the device's options, completed from its profile and the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from tidelog.wire.errors import UsageError
from tidelog.wire.topics import checked_device
from tidelog_cli import options, profiles
from tidelog_cli.options import URL_DEFAULT

MEMORY: Final = ":memory:"
"""As a store's path: nothing outlives the command."""

SECRET_VARIABLE: Final = "TIDELOG_SECRET"  # noqa: S105 - the name of a variable, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The options of a device command as they were given; empty where they were not.

    Attributes:
        url: the broker.
        device: the device's id.
        store: path of its store, or ``:memory:``.
        secret_file: a file with the secret.
        profile: name of a profile that fills what is empty.
        profile_folder: where profiles are, ``None`` for the usual place.
    """

    url: options.Url = ""
    device: options.Device = ""
    store: options.Store = ""
    secret_file: options.SecretFile = None
    profile: options.Profile = ""
    profile_folder: options.ProfileFolder = None

    def local(self) -> tuple[str, str]:
        """What is needed to read the store alone.

        Returns:
            device id and path.

        Raises:
            UsageError: codes ``device_unnamed``, ``store_unnamed``, ``profile``.
        """
        saved = self._saved()
        device = self.device or (saved.device if saved else "")
        store = self.store or (saved.store if saved else "")
        if not device:
            raise UsageError("which device?", code="device_unnamed", hint="--device DEVICE, or --as PROFILE")
        if not store:
            raise UsageError(
                "which store?",
                code="store_unnamed",
                hint="--store FILE, or --as PROFILE; :memory: keeps nothing, not even unsent messages",
            )
        return checked_device(device), store

    def kept(self, what: str = "a store in memory") -> tuple[str, str]:
        """As `local`, for what is of no use in a store that ends with the command.

        Raises:
            UsageError: as `local`; or the store is one in memory.
        """
        device, store = self.local()
        if store == MEMORY:
            raise UsageError(f"{what} holds nothing yet", hint="--store FILE, or --as PROFILE")
        return device, store

    def online(self) -> profiles.Profile:
        """What is needed to connect: options first, then the profile.

        Raises:
            UsageError: as `local`, and ``secret_missing``.
        """
        device, store = self.local()
        saved = self._saved()
        url = self.url or (saved.url if saved else URL_DEFAULT)
        return profiles.Profile(url=url, device=device, secret=self._secret(saved), store=store)

    def _saved(self) -> profiles.Profile | None:
        return profiles.read(self.profile, self.profile_folder) if self.profile else None

    def _secret(self, saved: profiles.Profile | None) -> str:
        if self.secret_file is not None:
            return self.secret_file.read_text("utf8").strip("\r\n")
        if saved is not None:
            return saved.secret
        if secret := os.environ.get(SECRET_VARIABLE, ""):
            return secret
        raise UsageError(
            "the device's secret is missing",
            code="secret_missing",
            hint=f"set {SECRET_VARIABLE}, or --secret-file FILE, or --as PROFILE",
        )
