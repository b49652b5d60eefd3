"""The port of who remembers, beside the store, how far logs have come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from tidelog_service.engine.ports.logs import Stand


class Witness(Protocol):
    """Remembers, apart from the store, how far logs have come."""

    def saw(self, stands: Iterable[Stand]) -> None:
        """These logs have grown, and that is on disk. Never raises: the batch is done."""
        ...
