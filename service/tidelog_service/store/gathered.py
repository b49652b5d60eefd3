"""What ingest rules made, remember and count, in the service's database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from peewee import EXCLUDED, JOIN, Query, fn

from tidelog.wire.errors import UsageError
from tidelog.wire.fingerprints import SUM_STOP
from tidelog_service.engine.bookkeeping import DAYS_KEPT
from tidelog_service.engine.gathering import Count, Found, IngestStore, Kept, Made, Outcome
from tidelog_service.engine.ports import Log
from tidelog_service.store import enrolment
from tidelog_service.store.database import Database
from tidelog_service.store.keys import key_of
from tidelog_service.store.models import Channel, Role, RuleCount, RuleFilter, RuleKey, RuleMade, User
from tidelog_service.store.pieces import POOL_MAX, padded
from tidelog_service.store.statements import Listed

_CHANNEL: Final = 0
_AUTHOR: Final = 1

_LOG: Final = (
    Channel.id,
    Channel.name,
    Channel.epoch,
    Channel.head,
    Channel.floor,
    Channel.time,
    Channel.revisions,
    Channel.sum,
    Channel.bytes,
    RuleMade.rule.is_null(False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSum:
    """What became of messages under a rule.

    Attributes:
        messages: how many.
        topic: of the last of them.
        time: when it came, Unix milliseconds.
    """

    messages: int
    topic: str
    time: int


class GatheredStore(IngestStore):
    """`tidelog_service.engine.gathering.IngestStore` on a database, and what an operator sees of it.

    Args:
        database: that of the engine's store.
        epochs: where the incarnations of new channels come from.
    """

    def __init__(self, database: Database, *, epochs: Callable[[], int] = enrolment.new_epoch) -> None:
        """See the class."""
        self._database = database
        self._epochs = epochs
        self._swept_day = 0
        self._authors = Listed(
            database, lambda names: User.select(User.name, User.id).where(User.name << names)
        )
        self._channels = Listed(database, _channels)
        self._is_kept = database.compile(RuleKey.select(RuleKey.id).where(RuleKey.digest == b""))
        self._keep = database.compile(RuleKey.insert(id=0, digest=b""))
        self._forget = database.compile(RuleKey.delete().where((RuleKey.id >= 0) & (RuleKey.id < 0)))
        self._count = database.compile(_counting())

    def authors(self, names: Sequence[str]) -> dict[str, int]:
        """See `IngestStore.authors`."""
        found: dict[str, int] = {}
        for some in _batches(names):
            found.update(self._database.fetch(self._authors.sql(len(some)), some))
        return found

    def channels(self, names: Sequence[str]) -> dict[str, Found]:
        """See `IngestStore.channels`."""
        found = {}
        for some in _batches(names):
            for key, name, epoch, head, floor, time, revisions, total, size, made in self._database.fetch(
                self._channels.sql(len(some)), (_CHANNEL, *some)
            ):
                log = Log(
                    id=key,
                    name=name,
                    epoch=epoch,
                    head=head,
                    floor=floor,
                    time=time,
                    revisions=revisions,
                    sum=total % SUM_STOP,
                    body_bytes=size,
                )
                found[name] = Found(log, made=bool(made))
        return found

    def made(self, rule: str) -> Made:
        """See `IngestStore.made`."""
        query = RuleMade.select(RuleMade.kind, fn.COUNT(RuleMade.id)).where(RuleMade.rule == rule)
        counts: dict[int, int] = dict(self._database.select(query.group_by(RuleMade.kind)))
        return Made(counts.get(_CHANNEL, 0), counts.get(_AUTHOR, 0))

    def make_author(self, rule: str, name: str, now_ms: int) -> int:
        """See `IngestStore.make_author`."""
        key = enrolment.insert_user(self._database, name, now_ms)
        self._database.write(RuleMade.insert(kind=_AUTHOR, id=key, rule=rule))
        enrolment.bump(self._database)
        return key

    def make_channel(self, rule: str, name: str, members: Sequence[str], now_ms: int) -> tuple[Log, bool]:
        """See `IngestStore.make_channel`."""
        channel_id = enrolment.insert_channel(self._database, name, now_ms, epoch=self._epochs())
        self._database.write(RuleMade.insert(kind=_CHANNEL, id=channel_id, rule=rule))
        known = self.authors(members)
        complete = True
        for member in members:
            user_id = known.get(member) or enrolment.insert_user(self._database, member, now_ms)
            try:
                enrolment.insert_member(self._database, channel_id, user_id, now_ms, role=Role.READER)
            except UsageError:
                complete = False
        enrolment.bump(self._database)
        return self.channels([name])[name].log, complete

    def is_kept(self, digest: bytes) -> bool:
        """See `IngestStore.is_kept`."""
        return bool(self._database.fetch(self._is_kept, (digest,)))

    def keep(self, keys: Sequence[Kept]) -> None:
        """See `IngestStore.keep`."""
        self._database.write_many(
            self._keep, [(key_of(channel_id, seq), digest) for channel_id, seq, digest in keys]
        )

    def forget(self, channel_id: int, below: int) -> None:
        """See `IngestStore.forget`."""
        if below > 0:
            self._database.write_many(self._forget, [(key_of(channel_id, 0), key_of(channel_id, below))])

    def count(self, day: int, counts: Sequence[Count], now_ms: int) -> None:
        """See `IngestStore.count`."""
        if day != self._swept_day:
            self._database.write(RuleCount.delete().where(RuleCount.day < day - DAYS_KEPT))
            self._swept_day = day
        rows = [(day, rule, outcome, messages, topic, now_ms) for rule, outcome, messages, topic in counts]
        self._database.write_many(self._count, rows)

    # For the operator

    def sums(self, first_day: int) -> dict[str, dict[Outcome, RuleSum]]:
        """What was counted from a day on, by rule and outcome.

        Args:
            first_day: days since 1970, UTC.
        """
        columns = (RuleCount.rule, RuleCount.outcome, RuleCount.messages, RuleCount.topic, RuleCount.time)
        query = RuleCount.select(*columns).where(RuleCount.day >= first_day).order_by(RuleCount.day)
        found: dict[str, dict[Outcome, RuleSum]] = {}
        for rule, word, messages, topic, time in self._database.select(query):
            told, outcome = found.setdefault(rule, {}), Outcome(word)
            before = told[outcome].messages if outcome in told else 0
            told[outcome] = RuleSum(messages=before + messages, topic=topic, time=time)
        return found

    def filters(self) -> tuple[str, ...]:
        """What the session at the broker may be subscribed to."""
        return tuple(name for (name,) in self._database.select(RuleFilter.select(RuleFilter.topic)))

    def keep_filters(self, filters: Iterable[str]) -> None:
        """Note what it may be subscribed to from now on, instead of what was noted before."""
        rows = [(name,) for name in sorted(set(filters))]
        with self._database.transaction():
            self._database.write(RuleFilter.delete())
            self._database.write_many(self._database.compile(RuleFilter.insert(topic="")), rows)


def _channels(names: list[int]) -> Query:
    made = (RuleMade.id == Channel.id) & (RuleMade.kind == _CHANNEL)
    return Channel.select(*_LOG).join(RuleMade, JOIN.LEFT_OUTER, on=made).where(Channel.name.in_(names))


def _counting() -> Query:
    """The values: the columns."""
    new = RuleCount.insert(day=0, rule="", outcome="", messages=0, topic="", time=0)
    key = [RuleCount.day, RuleCount.rule, RuleCount.outcome]
    added = {RuleCount.messages: RuleCount.messages + EXCLUDED.messages}
    return new.on_conflict(conflict_target=key, preserve=[RuleCount.topic, RuleCount.time], update=added)


def _batches(names: Sequence[str]) -> list[Sequence[str]]:
    return [padded(names[at : at + POOL_MAX]) for at in range(0, len(names), POOL_MAX)]
