"""The statements of the service's hot paths, generated from the models and compiled once for a database.

The values in these queries are stand-ins; `RecordStore` gives the real ones in the order of the SQL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peewee import SQL, Field, ModelSelect, Query, Value, fn

from tidelog_service.store.database import Database
from tidelog_service.store.models import (
    REVISION,
    Channel,
    Device,
    Member,
    Outbox,
    Record,
    Role,
    Taken,
    Token,
    User,
)

_LOG = (
    Channel.id,
    Channel.name,
    Channel.epoch,
    Channel.head,
    Channel.floor,
    Channel.time,
    Channel.revisions,
    Member.role,
    Member.first,
    Member.last,
    Channel.receipts,
    Channel.marks,
    Member.read,
    Member.delivered,
    Member.marked,
    Channel.sum,
    Channel.bytes,
)
_ROW = (
    Record.id,
    Record.author_id,
    Record.time,
    Record.time - Record.lag,
    Record.kind,
    Record.content_type,
    Record.body,
)
_SIZE = (Record.id, fn.LENGTH(Record.body))
"""SQLite knows the size of a body without reading it."""

_TAKEN = (Taken.n, Taken.channel_id, Taken.seq, Taken.time, Taken.digest)


class Listed:
    """A statement with an ``IN`` list, compiled once for each length of the list.

    Args:
        database: compiles it.
        query: makes the query for a list of stand-ins.
    """

    __slots__ = ("_database", "_query", "_sql")

    def __init__(self, database: Database, query: Callable[[list[int]], Query]) -> None:
        """See the class."""
        self._database = database
        self._query = query
        self._sql: dict[int, str] = {}

    def sql(self, length: int) -> str:
        """The SQL for a list of this length, at least 1."""
        made = self._sql.get(length)
        if made is None:
            made = self._sql[length] = self._database.compile(self._query([0] * length))
        return made


class Statements:
    """Compiled statements by name; a comment names the values of each.

    Args:
        database: compiles them.
    """

    def __init__(self, database: Database) -> None:
        """See the class."""
        compiled = database.compile
        self.append = compiled(_insertion(Record))  # the columns
        self.remember = compiled(_insertion(Taken))  # the columns
        self.keep = compiled(_keep())  # device, outbox, numbers
        self.advance = compiled(_advance())  # head, time, how many revisions more, bytes, sum, bytes, channel
        self.erase = compiled(_erase())  # first key, key after the last; gives the bodies' lengths
        self.lighten = compiled(_lighten())  # how many bytes less, channel
        self.forget = compiled(_forget())  # device, outbox, n (those below go)
        self.terminal = compiled(_terminal())  # device
        self.logs = compiled(_logs())  # user
        self.writable = Listed(database, _writable)  # user, role, names
        self.readable = compiled(_readable())  # user, name
        self.audience = compiled(_audience())  # channel
        self.devices = compiled(_devices())  # user
        self.hearers = compiled(_hearers())  # channel, user, seq, count
        self.marks = compiled(_marks())  # channel, epoch, version, count
        self.count_mark = compiled(_count_mark())  # how many, channel
        self.raise_mark = compiled(_raise_mark())  # read, delivered, epoch, channel, channel, user
        self.readable_from = compiled(_readable_from())  # channel
        self.numbers = compiled(_numbers())  # device, outbox
        self.taken = Listed(database, _taken)  # device, outbox, ns
        self.authors = Listed(database, _authors)  # users
        self.token = compiled(_token())  # device, token
        self.keep_token = compiled(_keep_token())  # device, token, used, account
        self.forget_tokens = compiled(_forget_tokens())  # device, device, how many stay
        # first key, key after the last, count
        self.run_up = compiled(_run().order_by(Record.id).limit(1))
        self.run_down = compiled(_run().order_by(Record.id.desc()).limit(1))
        # keys
        self.pool_up = Listed(database, lambda keys: _pool(keys).order_by(Record.id))
        self.pool_down = Listed(database, lambda keys: _pool(keys).order_by(Record.id.desc()))
        self.sizes_run = compiled(_run(*_SIZE).order_by(Record.id.desc()).limit(1))
        self.sizes_pool = Listed(database, lambda keys: _pool(keys, *_SIZE).order_by(Record.id.desc()))
        revised = SQL(REVISION)
        self.revisions_run = compiled(_run().where(revised).order_by(Record.id).limit(1))
        self.revisions_pool = Listed(database, lambda keys: _pool(keys).where(revised).order_by(Record.id))


def _insertion(model: type[Any]) -> Query:
    fields: tuple[Field[Any], ...] = model._meta.sorted_fields  # noqa: SLF001 - Peewee's documented way to the columns
    return model.insert({field: Value(0, converter=False) for field in fields})  # type: ignore[no-any-return]


def _keep() -> Query:
    kept = Outbox.insert(device="", outbox=b"", numbers=b"")
    return kept.on_conflict(conflict_target=[Outbox.device, Outbox.outbox], preserve=[Outbox.numbers])


def _advance() -> Query:
    stands = {
        Channel.head: 0,
        Channel.time: 0,
        Channel.revisions: Channel.revisions + 1,
        # What is there grows by what has ever been.
        Channel.body_bytes: Channel.body_bytes - Channel.bytes + 0,
        Channel.sum: 0,
        Channel.bytes: 0,
    }
    return Channel.update(stands).where(Channel.id == 0)


def _erase() -> Query:
    gone = Record.delete().where((Record.id >= 0) & (Record.id < 0))
    return gone.returning(fn.LENGTH(Record.body))


def _lighten() -> Query:
    return Channel.update({Channel.body_bytes: Channel.body_bytes - 0}).where(Channel.id == 0)


def _forget() -> Query:
    return Taken.delete().where((Taken.device == "") & (Taken.outbox == b"") & (Taken.n < 0))


def _terminal() -> Query:
    columns = (Device.id, Device.user, User.name, Device.revoked.is_null(False))
    return Device.select(*columns).join(User).where(Device.id == "")


def _logs() -> Query:
    return Member.select(*_LOG).join(Channel).where(Member.user == 0)


def _writable(names: list[int]) -> Query:
    may = (Member.user == 0) & (Member.role >= Role.WRITER) & Member.last.is_null()
    return Member.select(*_LOG).join(Channel).where(may & Channel.name.in_(names))


def _readable() -> Query:
    return Member.select(*_LOG).join(Channel).where((Member.user == 0) & (Channel.name == ""))


def _audience() -> Query:
    devices = Device.select(Device.id).join(Member, on=Member.user == Device.user)
    heard = (Member.channel == 0) & Member.last.is_null() & Device.revoked.is_null()
    return devices.where(heard).order_by(Device.id)


def _devices() -> Query:
    mine = (Device.user == 0) & Device.revoked.is_null()
    return Device.select(Device.id).where(mine).order_by(Device.id)


def _hearers() -> Query:
    devices = Device.select(Device.id, Member.first).join(Member, on=Member.user == Device.user)
    members = (Member.channel == 0) & (Member.user != 0) & Member.last.is_null() & (Member.first <= 0)
    return devices.where(members & Device.revoked.is_null()).limit(1)


def _marks() -> Query:
    columns = (User.name, Member.read, Member.delivered, Member.marks)
    news = (Member.channel == 0) & (Member.marked == 0) & (Member.marks > 0) & Member.last.is_null()
    return Member.select(*columns).join(User).where(news).order_by(Member.marks).limit(1)


def _count_mark() -> Query:
    return Channel.update({Channel.marks: Channel.marks + 1}).where(Channel.id == 0)


def _raise_mark() -> Query:
    count = Channel.select(Channel.marks).where(Channel.id == 0)
    marks = {Member.read: 0, Member.delivered: 0, Member.marked: 0, Member.marks: count}
    return Member.update(marks).where((Member.channel == 0) & (Member.user == 0))


def _readable_from() -> Query:
    members = (Member.channel == 0) & Member.last.is_null()
    return Member.select(fn.MAX(Member.first), fn.MAX(Channel.floor)).join(Channel).where(members)


def _numbers() -> Query:
    return Outbox.select(Outbox.numbers).where((Outbox.device == "") & (Outbox.outbox == b""))


def _taken(ns: list[int]) -> Query:
    of_outbox = (Taken.device == "") & (Taken.outbox == b"")
    return Taken.select(*_TAKEN).where(of_outbox & Taken.n.in_(ns))


def _authors(users: list[int]) -> Query:
    return User.select(User.id, User.name).where(User.id.in_(users))


def _token() -> Query:
    return Token.select(Token.account).where((Token.device == "") & (Token.token == b""))


def _keep_token() -> Query:
    kept = Token.insert(device="", token=b"", used=0, account=b"")
    return kept.on_conflict(conflict_target=[Token.device, Token.token], preserve=[Token.used, Token.account])


def _forget_tokens() -> Query:
    other = Token.alias()
    newest = other.select(other.token).where(other.device == "").order_by(other.used.desc()).limit(1)
    return Token.delete().where((Token.device == "") & Token.token.not_in(newest))


def _run(*columns: Any) -> ModelSelect[Record]:  # noqa: ANN401 - fields and functions alike
    return Record.select(*(columns or _ROW)).where((Record.id >= 0) & (Record.id < 0))


def _pool(keys: list[int], *columns: Any) -> ModelSelect[Record]:  # noqa: ANN401 - as above
    return Record.select(*(columns or _ROW)).where(Record.id.in_(keys))
