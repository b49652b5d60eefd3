"""Rooms and their members, alike on the plain store and on the real one."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from simulated.shelf import USERS, Shelf
from tidelog_service.engine.ports import Head, NewRow, Store
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.models import Channel
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry


class Rooms(Protocol):
    """What a test changes; users are those of the `Shelf`, each with a phone and a tab."""

    store: Store

    def room(self, name: str, *members: str, windowed: bool = False, receipts: bool = False) -> None:
        """A channel in epoch 7."""

    def fill(self, name: str, count: int) -> None:
        """Records of ann's."""

    def join(self, name: str, user: str) -> None:
        """A member more."""

    def leave(self, name: str, user: str) -> None:
        """A member less."""

    def revoke(self, device: str) -> None:
        """Shut a device out."""

    def begin(self, name: str, epoch: int) -> None:
        """The same records in another epoch."""

    def close(self) -> None:
        """Let go of everything."""


class PlainRooms:
    """On a `Shelf`."""

    def __init__(self) -> None:
        self.shelf = self.store = Shelf({})
        self._windowed: set[str] = set()

    def room(self, name: str, *members: str, windowed: bool = False, receipts: bool = False) -> None:
        self.shelf.open(name, *members)
        if windowed:
            self._windowed.add(name)
        if receipts:
            self.shelf.receipts.add(name)

    def fill(self, name: str, count: int) -> None:
        self.shelf.fill(name, [b"the tide is high"] * count)

    def join(self, name: str, user: str) -> None:
        self.shelf.members[name] = (*self.shelf.members[name], user)
        if name in self._windowed:
            self.shelf.windows[user, name] = (self.shelf.logs[name].head + 1, None)
        self.shelf.marks.pop((user, name), None)

    def leave(self, name: str, user: str) -> None:
        self.shelf.members[name] = tuple(one for one in self.shelf.members[name] if one != user)
        if name in self._windowed:
            first, _ = self.shelf.windows.get((user, name), (1, None))
            self.shelf.windows[user, name] = (first, self.shelf.logs[name].head)
        else:
            self.shelf.marks.pop((user, name), None)

    def revoke(self, device: str) -> None:
        self.shelf.revoked.add(device)

    def begin(self, name: str, epoch: int) -> None:
        self.shelf.logs[name] = replace(self.shelf.logs[name], epoch=epoch)

    def close(self) -> None:
        pass


class RealRooms:
    """On a database in memory."""

    def __init__(self) -> None:
        self.database: Database = open_database(":memory:")
        self.registry = Registry(self.database, now_ms=lambda: 1_000)
        self.store = RecordStore(self.database)
        for user in USERS:
            self.registry.add_user(user)
            for kind in ("phone", "tab"):
                self.registry.add_device(user, f"{user}-{kind}", secret="secret")

    def room(self, name: str, *members: str, windowed: bool = False, receipts: bool = False) -> None:
        self.registry.add_channel(name, members, windowed=windowed, receipts=receipts)
        self.begin(name, 7)

    def fill(self, name: str, count: int) -> None:
        log = self.store.logs_of(USERS["ann"])[name]
        rows = [
            NewRow(log.id, log.head + n, USERS["ann"], 1_000 + n, 1_000 + n, 0, "", b"the tide is high")
            for n in range(1, count + 1)
        ]
        with self.store.transaction():
            self.store.append(rows)
            self.store.advance({log.id: Head(log.head + count, 1_000 + count)})

    def join(self, name: str, user: str) -> None:
        self.registry.join(name, user)

    def leave(self, name: str, user: str) -> None:
        self.registry.leave(name, user)

    def revoke(self, device: str) -> None:
        self.registry.revoke_device(device)

    def begin(self, name: str, epoch: int) -> None:
        with self.database.transaction():
            self.database.write(Channel.update(epoch=epoch).where(Channel.name == name))

    def close(self) -> None:
        self.registry.close()
        self.database.close()
