"""What the machine sends, and when it next has something to send."""

from __future__ import annotations

from tidelog.replica import endings
from tidelog.replica.parts import Parts
from tidelog.replica.ports import Outgoing
from tidelog.replica.requests import Job, Spent
from tidelog.replica.steps import Effects
from tidelog.wire import payload as wire
from tidelog.wire import topics
from tidelog.wire.anyframe import Frame
from tidelog.wire.parcels import Parcel
from tidelog.wire.payload import Encoding


class Sending:
    """Collects from all parts what is due; only while there is a connection.

    Args:
        parts: the machine's.
    """

    def __init__(self, parts: Parts) -> None:
        """See the class."""
        self._parts = parts

    def due(self) -> float | None:
        """When `emit` is to be called, monotonic seconds; ``None`` for not before the next input."""
        parts = self._parts
        # A dictionary waits until nothing else is to be asked for.
        fetch = parts.dictionaries.due() if parts.requests.due() is None else None
        others = (parts.enrolments, parts.marks, parts.uploads, parts.downloads, parts.audits)
        times = [parts.outbox.due(), parts.requests.due(), parts.mending.due(), fetch]
        times += [one.due() for one in others]
        return min((time for time in times if time is not None), default=None)

    def emit(self, now: float, effects: Effects) -> None:
        """Everything that is due to be sent."""
        parts = self._parts
        self._messages(now, effects)
        for enrol in parts.enrolments.next(now):
            self._ask(enrol, effects)
        self._ask(parts.marks.next(parts.holdings, now, effects), effects)
        parts.mending.tend(now, effects)
        audit = parts.audits.tend(now, effects)
        self._ask(audit, effects, purpose=audit.rid if audit is not None else 0)
        self._request(now, effects)
        if parts.requests.due() is None:
            self._ask(parts.dictionaries.next(now), effects)
        self._ask(parts.downloads.next(now, effects), effects)
        for chunk in parts.uploads.next(now):
            self._ask(chunk, effects)

    def went(self, outgoing: Outgoing, size: int) -> None:
        """Account for what a packet took on the socket, MQTT bytes."""
        requests = self._parts.requests
        job = requests.open.job if requests.open else None
        if self._parts.audits.sent(outgoing.purpose, size):
            return
        if job is not None and outgoing.purpose:
            job.sent(size)

    def _messages(self, now: float, effects: Effects) -> None:
        outbox, parcels = self._parts.outbox, self._parts.parcels
        grounds = parcels.grounds(self._parts.holdings)
        for batch in outbox.batches(now):
            # A second try may mean that the service cannot read the first one and cannot say so.
            frame = parcels.shortest(batch, grounds) if outbox.is_first(batch) else batch
            if isinstance(frame, Parcel):
                outbox.went_in(frame)
            _publish(topics.messages_topic(self._parts.device), frame, effects, qos=1)

    def _request(self, now: float, effects: Effects) -> None:
        requests, holdings, tokens = self._parts.requests, self._parts.holdings, self._parts.trust.tokens
        while isinstance(request := requests.next(holdings, tokens, now, plain=self._plain), Spent):
            effects.events.append(endings.spent(request.job, now))
        self._ask(request, effects, purpose=request.rid if request is not None else 0)

    def _plain(self, job: Job) -> bool:
        return self._parts.seconds or self._parts.priming.plain(job, self._parts.holdings)

    def _ask(self, frame: Frame | None, effects: Effects, *, purpose: int = 0) -> None:
        """Send a frame to the service, where there is one."""
        if frame is not None:
            _publish(topics.sync_topic(self._parts.device), frame, effects, purpose=purpose)


def _publish(topic: str, frame: Frame, effects: Effects, *, qos: int = 0, purpose: int = 0) -> None:
    payload = wire.encode(frame, Encoding.PACKED)
    effects.send.append(Outgoing(topic=topic, payload=payload, qos=qos, purpose=purpose))
