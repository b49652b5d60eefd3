"""What an answer to a request does: its records are taken, then the sync goes on or ends.

A page that does not come out is asked for once more, in full and without a context. See SPEC.md, "Delta",
"Page" and "Fault".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tidelog.replica import endings
from tidelog.replica.dictionaries import Dictionaries
from tidelog.replica.holdings import Holdings
from tidelog.replica.marks import Marks
from tidelog.replica.pages import opened_page
from tidelog.replica.ports import Shelf
from tidelog.replica.repairs import Repairs
from tidelog.replica.requests import Job, Open, Requests
from tidelog.replica.steps import Effects
from tidelog.replica.stranded import Stranded
from tidelog.replica.surveys import previewed
from tidelog.replica.trust import Trust
from tidelog.replica.tuning import LATER
from tidelog.wire.errors import Code, ProtocolError, error_for
from tidelog.wire.frames import Delta, Fault, Part
from tidelog.wire.limits import SEQ_STOP
from tidelog.wire.mqttsize import plain_bytes
from tidelog.wire.page_frames import Page
from tidelog.wire.queries import Depth, Estimate, Manifest
from tidelog.wire.ranges import RangeSet
from tidelog.wire.topics import reply_topic

Answer = Delta | Page | Manifest | Estimate
"""What answers a request, but for faults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Takes the answers that requests waited for.

    Attributes:
        requests: the queue that a job goes back to until it is over.
        holdings: what the answers add to.
        repairs: which they settle.
        dictionaries: which pages name.
        trust: which pages give, or shake.
        marks: of which pages tell.
        stranded: what is held of epochs that are over.
        shelf: the device's records, on which pages may build; ``None``: no page is expected.
        device: its id.
        live: whether channels in scope are wanted beyond their heads.
    """

    requests: Requests
    holdings: Holdings
    repairs: Repairs
    dictionaries: Dictionaries
    trust: Trust
    marks: Marks
    stranded: Stranded
    shelf: Shelf | None
    device: str
    live: bool

    def take(self, frame: Answer, size: int, now: float, effects: Effects) -> bool:
        """Take an answer; a stale one is accounted for and dropped.

        Args:
            frame: as it came.
            size: MQTT bytes that it took on the socket.
            now: monotonic seconds.
            effects: of this step.

        Returns:
            whether a request waited for it.
        """
        unreadable = isinstance(frame, Page) and self.shelf is None
        answered = None if unreadable else self.requests.answered(frame.rid)
        if answered is None:
            self.requests.late(frame.rid, size)
            return False
        answered.job.bytes_down += size
        match frame:
            case Delta():
                self._delta(frame, answered, now=now, effects=effects)
            case Page() if self.shelf is not None:
                self._page(frame, answered, self.shelf, now=now, effects=effects)
            case Manifest():
                self._manifest(frame, answered, now=now, effects=effects)
            case Estimate():
                found = previewed(frame, answered.question, self.device)
                effects.events.append(endings.ended(answered.job, now, found=found))
        return True

    def fault(self, fault: Fault, size: int, now: float, effects: Effects) -> bool:
        """Take a fault: the request is put in full, put later, or given up; whether one waited for it."""
        waiting = self.requests.find(fault.rid) if fault.rid else None
        if waiting is None:
            return False
        waiting.job.bytes_down += size
        if fault.code is Code.TOKEN and self.trust.forget(waiting.question.scope, effects):
            self.requests.answered(fault.rid)
            self.requests.resume(waiting.job)
        elif fault.code in LATER:
            self.requests.hold(now)
        else:
            self.requests.open = None
            effects.events.append(endings.failed(waiting.job, error_for(fault.code, fault.text)))
        return True

    def _delta(self, delta: Delta, answered: Open, *, now: float, effects: Effects) -> None:
        """Take a delta."""
        gone = set(delta.gone)
        self._lose(gone, answered.job)
        self._mark({name: name in gone for name in answered.question.account.names()}, effects)
        news = bool(gone)
        for part in delta.parts:
            if answered.asked_for(part.channel):
                news = self._add(part, answered.job, effects) or news
        self._proceed(answered, more=delta.more, news=news, now=now, effects=effects)

    def _page(self, page: Page, answered: Open, shelf: Shelf, *, now: float, effects: Effects) -> None:
        """Take a page, which may build on what is on the shelf."""
        try:
            opened = opened_page(page, answered.question, shelf)
        except ProtocolError as error:
            self._distrust(answered.job, error, effects)
            return
        self.trust.keep(answered, page, opened, effects)
        for channel, epoch, seqs in opened.dead:
            effects.voided(channel, epoch, seqs)
        self._lose(page.gone, answered.job)
        # Where the account is full, those that are gone are not even in it.
        said = dict.fromkeys(page.gone, True) | {one.channel: one.gone for one in opened.account}
        self._mark(said, effects)
        if not answered.job.max_bytes:
            self.dictionaries.want(page.dictionary)
        # Records of a page were lacking when it was asked for; a push may have brought the same meanwhile.
        # What else it tells may be known from an answer to another scope, and the token still gains by it.
        news = opened.account.digest != answered.question.account.digest
        for part in opened.parts:
            news = self._add(part, answered.job, effects) or news
        self.marks.know(page.user, effects)
        for channel, epoch, told in opened.news:
            known = answered.question.account.get(channel)
            anew = known is None or not known.marks or told.version < known.marks
            self.marks.take_news(channel, epoch, told, now, effects, whole=anew and not page.more)
        if not page.more and answered.question.tells_marks(page):
            self.marks.compare(answered.question.account, opened.account, now, effects)
        self._proceed(answered, more=page.more, news=news, now=now, effects=effects)

    def _manifest(self, frame: Manifest, answered: Open, *, now: float, effects: Effects) -> None:
        """Take a page of a manifest; after the last one, ask for what is lacking, or tell."""
        job = answered.job
        survey = job.survey
        asked = all(answered.asked_for(one.channel) for one in frame.channels)
        if survey is None or survey.depth is not Depth.MANIFEST or not asked:
            effects.events.append(endings.failed(job, ProtocolError("a manifest that was not asked for")))
            return
        if job.max_bytes and frame.more and not frame.channels:
            effects.events.append(endings.spent(job, now))  # not even one record fits what is left
            return
        try:
            survey.take(frame)
        except ProtocolError as error:
            effects.events.append(endings.failed(job, error))
            return
        if frame.more:
            self.requests.resume(job)
        elif not survey.fetch:
            effects.events.append(endings.ended(job, now, found=survey.listings()))
        else:
            job.survey, job.wants = None, survey.lacking(self.holdings)
            if job.wants:
                self.requests.resume(job)
            else:
                self._end(answered, now=now, effects=effects)

    def _lose(self, gone: Collection[str], job: Job) -> None:
        """Channels are not to be had: neither this job nor a repair asks for them again."""
        job.gone |= set(gone)
        self.repairs.forget(gone)

    def _mark(self, said: Mapping[str, bool], effects: Effects) -> None:
        """Note which channels are gone, and which are not, as the answer has it of those asked for."""
        for channel, gone in said.items():
            holding = self.holdings.mark(channel, gone=gone)
            if holding is not None:
                effects.holdings[channel] = holding

    def _add(self, part: Part, job: Job, effects: Effects) -> bool:
        """Take one channel's part of a page; whether it told anything new."""
        before = self.holdings.get(part.channel)
        if before is not None and not self.holdings.speaks_of(part.channel, part.epoch):
            self.stranded.leave(before, effects)
        holding, fresh, voided = self.holdings.accept(part)
        if job.wants_scope and not job.max_bytes:
            # With a budget only what came: repairs have none, and would bring the rest at once.
            asked = RangeSet([(_first(job, part.head), part.head + 1)])
            holding = self.holdings.want(part.channel, asked) or holding
        effects.arrived(part.epoch, fresh)
        effects.voided(part.channel, part.epoch, voided)
        job.gone.discard(part.channel)  # it has come back in the meantime
        job.records += len(fresh)
        job.bytes_plain += plain_bytes(reply_topic(self.device), (len(one.body) for one in fresh))
        if holding == before:
            return False
        effects.holdings[part.channel] = holding
        return True

    def _distrust(self, job: Job, error: ProtocolError, effects: Effects) -> None:
        """A page did not come out: what the device holds is not what the service thinks, or it is damaged.

        Nothing of it is kept; the device asks once more, in full and for pages made without what it holds.
        """
        self.trust.shake(self.requests.scopes(job), effects)
        if job.primed:
            job.primed = False
            self.requests.resume(job)
        else:
            effects.events.append(endings.failed(job, error))

    def _proceed(self, answered: Open, *, more: bool, news: bool, now: float, effects: Effects) -> None:
        """After a page: the next one, or the end of the job."""
        if more or answered.left_over:
            self._go_on(answered, more=more, news=news, now=now, effects=effects)
        else:
            self._end(answered, now=now, effects=effects)

    def _end(self, answered: Open, *, now: float, effects: Effects) -> None:
        if answered.job.wants_scope:
            self._want_scope(answered, effects)
        for holding in self.holdings.by_channel.values():
            if answered.asked_for(holding.channel):
                self.repairs.settle(holding)
                self.stranded.served(holding)
        if not answered.job.repair:
            effects.events.append(endings.ended(answered.job, now))

    def _go_on(self, answered: Open, *, more: bool, news: bool, now: float, effects: Effects) -> None:
        """Ask for the next page, unless that is of no use."""
        job = answered.job
        if not more:
            answered.mark_served()
        if more and not news and job.max_bytes:
            effects.events.append(endings.spent(job, now))  # what did not fit now fits what is left even less
        elif job.progressed(news=news or not more):
            self.requests.resume(job)
        else:
            effects.events.append(endings.stalled(job))

    def _want_scope(self, answered: Open, effects: Effects) -> None:
        """The channels in scope are wanted from now on: up to their heads, and while live, beyond."""
        for channel, known in list(self.holdings.by_channel.items()):
            if answered.asked_for(channel) and not known.gone:
                stop = SEQ_STOP if self.live else known.head + 1
                first = _first(answered.job, known.head)
                holding = self.holdings.want(channel, RangeSet([(first, max(first, stop))]))
                if holding is not None:
                    effects.holdings[channel] = holding


def _first(job: Job, head: int) -> int:
    """The first seq that a job asks for, of a log with this head."""
    return max(1, head + 1 - job.rule.newest) if job.rule.newest else 1
