"""A device's requests, one open at a time: what is asked, what came of it, when to ask again.

An answer counts only for the open request, and only for the channels that it asked for; what arrived is what
the next request states, so a lost page costs a page.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tidelog.codec.page import Rule
from tidelog.replica.asking import Ability, Aim, Question, by_token, in_full, scope, told_by
from tidelog.replica.holdings import Holdings
from tidelog.replica.steps import Chance, SyncReport
from tidelog.replica.surveys import Survey, Want, is_cheaper, survey_question, wanted_question
from tidelog.replica.tokens import Tokens
from tidelog.replica.tuning import Tuning, backoff
from tidelog.wire.frames import SyncRequest
from tidelog.wire.limits import PACKET_BYTES_MAX, REQUEST_ID_STOP, ROOM_BYTES_MIN
from tidelog.wire.mqttsize import publish_bytes
from tidelog.wire.packed import encode
from tidelog.wire.page_frames import Resync
from tidelog.wire.queries import Depth, Filter, Query
from tidelog.wire.ranges import EMPTY
from tidelog.wire.topics import reply_topic, sync_topic

_LENGTH_BYTES = 2
"""What the length of a packet may take more than that of an empty one."""

_STALLED_MAX = 3
"""Pages in a row that bring nothing and still say ``more``, before a sync counts as not converging."""

_EARLIER_MAX = 3
"""Tries of a page whose answers are still taken: with the backoff, they reach back over half a minute."""

_ASKED_MAX = 16
"""Requests of a job whose late answers are still known for its own: as many as a slow link holds."""


@dataclass(slots=True, kw_only=True)
class Job:
    """A sync on its way, over as many pages as it takes.

    Attributes:
        id: for the application; 0 for the machine's own repairs.
        channels: which ones, ``None`` for all.
        wanted_only: top up what was asked for before, instead of everything.
        rule: which records come, and in what order.
        filter: only what passes; ``None`` for all.
        survey: what it wants to hear first, or instead.
        wants: records that it asks for by their numbers; ``None`` where it does not.
        cheaper: whether it asks for a manifest first where that takes less.
        max_bytes: what the whole may take, MQTT bytes both ways without repetitions; 0 for no bound.
        primed: whether pages may be made for what the device holds; not after one did not come out right.
        repair: whether the machine itself asked.
        mends: the channels for which it did.
        started: when, seconds.
        waiting: whether a request was sent and no page came since: the next one repeats it.
        asked: ids of the last requests.
    """

    id: int
    channels: tuple[str, ...] | None
    wanted_only: bool = False
    rule: Rule = field(default_factory=Rule)
    filter: Filter | None = None
    survey: Survey | None = None
    wants: dict[str, Want] | None = None
    cheaper: bool = False
    max_bytes: int = 0
    primed: bool = True
    repair: bool = False
    mends: tuple[str, ...] = ()
    started: float = 0.0
    rounds: int = 0
    records: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    bytes_plain: int = 0
    bytes_repeated: int = 0
    stalled: int = 0
    waiting: bool = False
    asked: deque[int] = field(default_factory=lambda: deque(maxlen=_ASKED_MAX))
    gone: set[str] = field(default_factory=set)
    served: set[str] = field(default_factory=set)

    @property
    def aim(self) -> Aim:
        """What it is after."""
        return Aim(channels=self.channels, rule=self.rule, wanted_only=self.wanted_only, filter=self.filter)

    @property
    def wants_scope(self) -> bool:
        """Whether everything in scope counts as asked for, not only what comes."""
        return not self.wanted_only and self.filter is None and (self.wants is None or self.cheaper)

    @property
    def left_bytes(self) -> int:
        """What is left of its budget."""
        return self.max_bytes - (self.bytes_up + self.bytes_down - self.bytes_repeated)

    def report(self, now: float, *, complete: bool) -> SyncReport:
        """What it came to so far."""
        return SyncReport(
            records=self.records,
            rounds=self.rounds,
            bytes_up=self.bytes_up,
            bytes_down=self.bytes_down,
            complete=complete,
            gone=tuple(sorted(self.gone)),
            seconds=max(0.0, now - self.started),
            bytes_plain=self.bytes_plain,
            bytes_repeated=self.bytes_repeated,
        )

    def sent(self, size: int) -> None:
        """Account for a request: what it took on the socket, MQTT bytes; 0 where it was dropped."""
        self.bytes_up += size
        if self.waiting:
            self.bytes_repeated += size
        self.waiting = self.waiting or size > 0

    def came_late(self, size: int) -> None:
        """Account for an answer of no use, MQTT bytes."""
        self.bytes_down += size
        self.bytes_repeated += size

    def progressed(self, *, news: bool) -> bool:
        """Note whether a page brought anything; false once too many in a row did not."""
        self.stalled = 0 if news else self.stalled + 1
        return self.stalled < _STALLED_MAX


@dataclass(slots=True, kw_only=True)
class Open:
    """The request that waits for its answer.

    Attributes:
        job: whose.
        question: as it was sent: what it stated stays pinned here.
        due: when to ask again, seconds.
        tries: how often this page was asked for.
        earlier: the last of those tries: on a slow link their answers are still on the way.
    """

    job: Job
    question: Question
    due: float
    tries: int
    earlier: tuple[Open, ...] = ()

    @property
    def left_over(self) -> frozenset[str]:
        """Channels in scope that were stated as not wanted now."""
        return self.question.left_over

    def mark_served(self) -> None:
        """Note the channels that this request did ask for as done."""
        self.job.served |= set(self.question.account.names()) - self.left_over
        wants = self.job.wants or {}
        for one in self.question.account:
            if one.channel in wants:
                # What did not come of these numbers is not to be had.
                wants[one.channel] = wants[one.channel].without(one.want or EMPTY)

    def asked_for(self, channel: str) -> bool:
        """Whether an answer may speak of the channel."""
        return self.job.channels is None or channel in self.job.channels


@dataclass(frozen=True, slots=True)
class Spent:
    """A job whose budget has no room for another page."""

    job: Job


class Requests:
    """The queue of jobs and the open request.

    Args:
        tuning: times and sizes.
        chance: for request ids and jitter; ids start at random, so that an answer to a request of an
            earlier life is told from one to this.
        ability: what the device can do.
        device: its id, as topics have it.
        seconds: whether all answers tell times in whole seconds.
    """

    def __init__(
        self, *, tuning: Tuning, chance: Chance, ability: Ability, device: str, seconds: bool = False
    ) -> None:
        """See the class."""
        self._tuning = tuning
        self._chance = chance
        self._ability = ability
        self._unprimed = replace(ability, context_bytes=0)
        self._device = device
        self._seconds = seconds
        self._rid = chance.randrange(REQUEST_ID_STOP)
        self.jobs: deque[Job] = deque()
        self.open: Open | None = None

    @property
    def repairing(self) -> bool:
        """Whether a repair waits or is under way."""
        return any(job.repair for job in self.jobs) or (self.open is not None and self.open.job.repair)

    def add(self, job: Job) -> None:
        """Queue a job; the application's go before the machine's own."""
        job.rule = replace(job.rule, seconds=self._seconds)
        if job.repair:
            self.jobs.append(job)
        else:
            at = sum(not queued.repair for queued in self.jobs)
            self.jobs.insert(at, job)

    def remove(self, job_id: int) -> Job | None:
        """Give up one of the application's jobs."""
        if self.open is not None and self.open.job.id == job_id:
            job, self.open = self.open.job, None
            return job
        for job in self.jobs:
            if job.id == job_id:
                self.jobs.remove(job)
                return job
        return None

    def clear(self) -> list[Job]:
        """Give up everything; the jobs that were under way or waiting."""
        jobs = ([self.open.job] if self.open else []) + list(self.jobs)
        self.jobs.clear()
        self.open = None
        return jobs

    def suspend(self) -> None:
        """The connection is gone: the open request will get no answer, so its job goes back to the front."""
        if self.open is not None:
            self.jobs.appendleft(self.open.job)
            self.open = None

    def due(self) -> float | None:
        """When `next` is to be called, seconds; 0 for at once, ``None`` where there is nothing to ask."""
        if self.open is not None:
            return self.open.due
        return 0.0 if self.jobs else None

    def expire(self, now: float) -> Job | None:
        """Give up a repair that was asked for often enough without an answer."""
        waiting = self.open
        if waiting is None or not waiting.job.repair or waiting.due > now:
            return None
        if waiting.tries < self._tuning.repair_tries:
            return None
        self.open = None
        return waiting.job

    def next(
        self,
        holdings: Holdings,
        tokens: Tokens,
        now: float,
        *,
        plain: Callable[[Job], bool] = lambda _job: False,
    ) -> SyncRequest | Resync | Query | Spent | None:
        """The request to send now: the open one again if it is due, or the first job's.

        Args:
            holdings: what the device has.
            tokens: and what it may be called.
            now: monotonic seconds.
            plain: whether a job's request must say that pushes are to be plain.
        """
        tries = 1
        if self.open is not None:
            if self.open.due > now:
                return None
            job, tries = self.open.job, self.open.tries + 1
        elif self.jobs:
            job = self.jobs.popleft()
        else:
            return None
        question = self._budgeted(job, self._put(job, holdings, tokens, plain=plain(job)))
        if question is None:
            self.open = None
            return Spent(job)
        return self._ask(job, question, now, tries)

    def stated(self, aim: Aim, holdings: Holdings, tokens: Tokens) -> Question:
        """State what the device has, by whatever token says it; it is not sent."""
        aim = replace(aim, rule=Rule(seconds=self._seconds))
        rid = self.new_rid()
        token = tokens.of(aim.channels)
        question = told_by(token, aim, holdings, rid=rid) if token is not None else None
        return question or in_full(aim, holdings, self._ability, rid=rid)

    def new_rid(self) -> int:
        """The id of another request."""
        self._rid = (self._rid + 1) % REQUEST_ID_STOP or 1
        return self._rid

    def use_dictionary(self, number: int) -> None:
        """Name another dictionary in requests that state everything."""
        self._ability = replace(self._ability, dictionary=number)

    def has_token(self, channels: tuple[str, ...] | None, tokens: Tokens) -> bool:
        """Whether a plain sync of these channels has a token."""
        rule = Rule(seconds=self._seconds)
        return tokens.get(scope(Aim(channels=channels, rule=rule), self._ability)) is not None

    def scopes(self, job: Job) -> tuple[bytes, bytes]:
        """What tokens of the job are for: of pages made for what the device holds, and of others."""
        return scope(job.aim, self._ability), scope(job.aim, self._unprimed)

    def _put(self, job: Job, holdings: Holdings, tokens: Tokens, *, plain: bool) -> Question:
        self.new_rid()
        context_bytes = self._ability.context_bytes if job.primed else 0
        ability = replace(self._ability, context_bytes=context_bytes, plain=plain)
        if job.wants is not None:
            return wanted_question(job.aim, job.wants, holdings, ability, rid=self._rid)
        if job.survey is not None and job.survey.depth is Depth.MANIFEST:
            return survey_question(job.aim, job.survey, ability, rid=self._rid)
        question = by_token(job.aim, holdings, tokens, ability, rid=self._rid, gone=job.gone)
        if question is None:
            question = in_full(job.aim, holdings, ability, rid=self._rid, gone=job.gone, served=job.served)
            if job.cheaper and not job.rounds and is_cheaper(question, holdings, job.aim):
                job.survey = Survey(depth=Depth.MANIFEST, fetch=True)
                return survey_question(job.aim, job.survey, ability, rid=self._rid)
        if job.survey is not None:
            newest = Filter(newest=job.rule.newest)
            question = replace(question, depth=job.survey.depth, filter=job.filter or newest)
        return question

    def _budgeted(self, job: Job, question: Question) -> Question | None:
        """Bound the answer by what the request leaves of the budget; ``None`` where that is too little."""
        if not job.max_bytes:
            return question
        asked = replace(question, request=replace(question.request, room=PACKET_BYTES_MAX)).frame
        up = publish_bytes(sync_topic(self._device), len(encode(asked)), qos=0, version5=True)
        up = 0 if job.waiting else up  # a repetition is not counted
        down = publish_bytes(reply_topic(self._device), 0, qos=0, version5=True) + _LENGTH_BYTES
        room = min(job.left_bytes - up - down, PACKET_BYTES_MAX)
        if room < ROOM_BYTES_MIN:
            return None
        return replace(question, request=replace(question.request, room=room))

    def _ask(self, job: Job, question: Question, now: float, tries: int) -> SyncRequest | Resync | Query:
        wait = backoff(self._tuning.answer_timeout, tries, self._tuning.backoff_max, self._chance)
        earlier = (*self.open.earlier, replace(self.open, earlier=()))[-_EARLIER_MAX:] if self.open else ()
        self.open = Open(job=job, question=question, due=now + wait, tries=tries, earlier=earlier)
        job.rounds += 1
        job.asked.append(self._rid)
        return question.frame

    def answered(self, rid: int) -> Open | None:
        """Take an answer: the request that it belongs to, no longer open, or ``None`` for a stale one."""
        answered = self.find(rid)
        if answered is not None:
            answered.job.waiting = False
            self.open = None
        return answered

    def late(self, rid: int, size: int) -> None:
        """Account for an answer that no request waits for, where a job that is not over had asked for it.

        Args:
            rid: of the request that it answers.
            size: MQTT bytes that it took on the socket.
        """
        for job in ([self.open.job] if self.open else []) + list(self.jobs):
            if rid in job.asked:
                job.came_late(size)
                return

    def find(self, rid: int) -> Open | None:
        """The try of the open request that has this id."""
        tries = (self.open, *self.open.earlier) if self.open is not None else ()
        return next((one for one in tries if one.question.request.rid == rid), None)

    def resume(self, job: Job) -> None:
        """The next page of a job that is not over goes before all others."""
        self.jobs.appendleft(job)

    def hold(self, now: float) -> None:
        """The service asked to try later."""
        if self.open is not None:
            wait = backoff(
                self._tuning.answer_timeout, self.open.tries, self._tuning.backoff_max, self._chance
            )
            self.open.due = now + wait
