"""Who is connected and wants live pushes, and in which form (SPEC.md, "Presence", "Live push")."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tidelog.wire.frames import Presence
from tidelog.wire.payload import Encoding

_NO_END = 2**62


class Form(Enum):
    """How a push is written for a device."""

    JSON = "json"
    PLAIN = "plain"
    PRIMED = "primed"

    @property
    def encoding(self) -> Encoding:
        """The encoding of its frames."""
        return Encoding.JSON if self is Form.JSON else Encoding.PACKED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listener:
    form: Form
    until_ms: int = _NO_END


class Attendance:
    """The devices that get live pushes; made anew from retained statuses after a restart.

    It holds only devices that were screened, so it is bounded by the devices that exist.
    """

    def __init__(self) -> None:
        """Nobody is there."""
        self._listeners: dict[str, _Listener] = {}

    def saw(self, device: str, presence: Presence) -> None:
        """A device's status arrived."""
        if presence is Presence.LIVE and not self._packed(device):
            self._listeners[device] = _Listener(form=Form.PRIMED)
        elif presence is Presence.OFFLINE or (presence is Presence.QUIET and self._packed(device)):
            self._listeners.pop(device, None)

    def _packed(self, device: str) -> bool:
        listener = self._listeners.get(device)
        return listener is not None and listener.form is not Form.JSON

    def asked(
        self, device: str, encoding: Encoding, *, live: bool, until_ms: int, plain: bool | None = None
    ) -> None:
        """A device sent a request, so it is connected whatever its status said.

        Args:
            device: who.
            encoding: of the request; JSON gets a lease only.
            live: whether it wants live pushes.
            until_ms: when a JSON lease ends.
            plain: whether it cannot read primed pushes; ``None`` where the request does not say.
        """
        if live and encoding is Encoding.JSON:
            self._listeners[device] = _Listener(form=Form.JSON, until_ms=until_ms)
        elif live and (plain is not None or not self._packed(device)):
            self._listeners[device] = _Listener(form=Form.PLAIN if plain else Form.PRIMED)

    def form(self, device: str, now_ms: int) -> Form | None:
        """How to push to a device, or ``None`` where it is not to be pushed to."""
        listener = self._listeners.get(device)
        if listener is None:
            return None
        if listener.until_ms <= now_ms:
            del self._listeners[device]
            return None
        return listener.form
