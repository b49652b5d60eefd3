"""Large bodies of a store in memory: by digest, as long as a record or a message speaks of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tidelog.replica.ports import BodyPart, OutboxEntry, Record
from tidelog.wire.stubs import stub_of


class MemoryBodies:
    """As `tidelog.store.bodies.Bodies`, over all transactions."""

    def __init__(self) -> None:
        """None yet."""
        self._uses: Counter[bytes] = Counter()
        self._data: dict[bytes, bytearray] = {}
        self._loose: set[bytes] = set()

    def got(self, digest: bytes) -> int:
        """Bytes of a body that are there."""
        return len(self._data.get(digest, b""))

    def part(self, digest: bytes, start: int, stop: int) -> bytes:
        """The bytes of a body from ``start`` up to ``stop``, or to where they end."""
        return bytes(self._data.get(digest, b"")[start : max(start, stop)])

    def refer(self, one: Record | OutboxEntry) -> None:
        """A record or a message is there."""
        stub = stub_of(one.kind, one.body)
        if stub is not None:
            self._uses[stub.digest] += 1

    def release(self, one: Record | OutboxEntry | None) -> None:
        """One is gone."""
        stub = stub_of(one.kind, one.body) if one is not None else None
        if stub is not None:
            self._uses[stub.digest] -= 1
            self._loose.add(stub.digest)

    def keep(self, parts: Iterable[BodyPart]) -> None:
        """Add to bodies what follows on; one that is all there takes the place of less."""
        for part in parts:
            data = self._data.setdefault(part.digest, bytearray())
            self._loose.add(part.digest)
            if len(data) < len(part.data) == part.size:
                data.clear()
            if len(data) == part.offset:
                data += part.data

    def finish(self, spoilt: Iterable[bytes]) -> None:
        """The end of a transaction: what is wrong goes, and what nothing speaks of any more."""
        for digest in spoilt:
            self._data.pop(digest, None)
        for digest in self._loose:
            if not self._uses[digest]:
                del self._uses[digest]
                self._data.pop(digest, None)
        self._loose.clear()
