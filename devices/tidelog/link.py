"""Whether a device has a connection, and why not."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tidelog.wire.errors import Denied, TidelogError, Unavailable


class LinkState:
    """Whether there is a connection, and why not; any thread may wait for it."""

    def __init__(self) -> None:
        """Not yet tried."""
        self._changed = threading.Condition()
        self._reason: TidelogError | None = None
        self.online = False

    def change(self, online: bool, reason: TidelogError | None) -> None:  # noqa: FBT001 - a callback
        """The link came up, or went down for a reason."""
        with self._changed:
            self.online = online
            if not online:
                self._reason = reason
            self._changed.notify_all()

    def stir(self) -> None:
        """Have those who wait look at their conditions again."""
        with self._changed:
            self._changed.notify_all()

    def wait_online(self, timeout: float) -> bool:
        """Wait for a connection, through refusals too; whether there is one (``timeout`` in seconds)."""
        with self._changed:
            return self._changed.wait_for(lambda: self.online, timeout)

    def wait_settled(self, timeout: float, *, otherwise: Callable[[], bool] = lambda: False) -> bool:
        """Wait for a connection, a refusal of the credentials, or something else.

        Args:
            timeout: seconds.
            otherwise: ends the waiting too; looked at after each change and `stir`.

        Returns:
            whether the credentials are refused.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.online or self.denied or otherwise(), timeout)
            return self.denied

    @property
    def denied(self) -> bool:
        """Whether there is no connection because the credentials were refused."""
        return not self.online and isinstance(self._reason, Denied)

    def why_offline(self, otherwise: str) -> TidelogError:
        """The error for whoever needed the link.

        Args:
            otherwise: what to say where the credentials are not the reason.
        """
        reason = self._reason
        if isinstance(reason, Denied):
            return reason
        if reason is None:
            return Unavailable(otherwise, code="offline", hint="is the broker's address right?")
        return Unavailable(f"{otherwise}: {reason}", code="offline", hint=reason.hint)
