"""Whether a device has everything, and the same: told by sums that are kept (SPEC.md, "Audit", "Verdict").

It costs the runs of what the device says that it has, never the records in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from tidelog.wire.audit_frames import Audit, Verdict, shares
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.fingerprints import SUM_STOP, log_fingerprint
from tidelog.wire.frames import SyncRequest
from tidelog.wire.limits import AUDIT_SUM_STOP
from tidelog.wire.page_frames import Resync
from tidelog.wire.queries import Filter
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Standing
from tidelog_service.engine import tokens
from tidelog_service.engine.drafting import outstanding
from tidelog_service.engine.filtering import scoped
from tidelog_service.engine.inquiries import Inquiry, filtered, stated
from tidelog_service.engine.ports import Log, Store, Terminal
from tidelog_service.engine.rates import Rates
from tidelog_service.engine.requests import proven

_RUNS: Final = 64
"""An audit costs one request more for each so many runs: each is two look-ups in the store, some 20 us."""

_GAPS: Final = 4_096
"""And one more for each so many edits and deletes: what they have erased is added up, some 0.1 us a gap."""


class _Kept(NamedTuple):
    """What the device has of a channel that it may read, as far as the service keeps it."""

    channel_id: int
    seqs: RangeSet


class Auditor:
    """Answers audits.

    Args:
        store: the durable state.
        rates: how much a device may ask.
    """

    def __init__(self, store: Store, *, rates: Rates) -> None:
        """See the class."""
        self._store = store
        self._rates = rates

    def answer(self, terminal: Terminal, audit: Audit, now_ms: int) -> Verdict:
        """Compare.

        Args:
            terminal: who asks.
            audit: what it says that it has.
            now_ms: the service's clock, Unix milliseconds.

        Raises:
            ProtocolError: the token is not known (code TOKEN), too many requests (BUSY), or it asks about a
                place that is not there (MALFORMED).
            Unavailable: the store failed.
        """
        logs = self._store.logs_of(terminal.user_id)
        asked = scoped(Filter(patterns=audit.patterns), logs)
        if isinstance(audit.request, int):
            return self._of_all(terminal, audit, asked, now_ms)
        inquiry = self._inquiry(terminal.device, audit, audit.request, now_ms)
        kept = [_kept(standing, asked.get(standing.channel)) for standing in inquiry.account]
        _check_places(audit, len(kept))
        erased = sum(log.revisions for log in asked.values())
        self._charge(terminal, sum(_runs(audit, kept)), erased, now_ms)
        differing = [at for at, differs in enumerate(self._compared(audit, kept), 1) if differs]
        lacking, news = outstanding(inquiry, logs, self._store)
        return Verdict(rid=audit.rid, lacking=lacking, news=news, differing=RangeSet.of(differing))

    def _of_all(self, terminal: Terminal, audit: Audit, logs: Mapping[str, Log], now_ms: int) -> Verdict:
        """Compare all that the user may read; how what differs came about a device asks by an account."""
        erased = sum(log.revisions for log in logs.values())
        self._charge(terminal, len(logs), erased, now_ms)
        total = sum(
            log_fingerprint(log.name, log.epoch, log.head) + self._sum(log.id, _readable(log))
            for log in logs.values()
        )
        # A log that the user has left is gone to a device that has all of it, and to another it is not.
        differs = audit.total != total % SUM_STOP or any(log.left for log in logs.values())
        return Verdict(rid=audit.rid, differing=RangeSet.of([1] if differs else []))

    def _charge(self, terminal: Terminal, runs: int, erased: int, now_ms: int) -> None:
        """It may take more than a full bucket holds: that is owed, and nothing is admitted meanwhile."""
        if not self._rates.admit(terminal.device, now_ms, cost=0):
            raise ProtocolError("too many requests", wire_code=Code.BUSY)
        self._rates.charge(terminal.device, now_ms, cost=runs // _RUNS + erased // _GAPS)

    def _inquiry(self, device: str, audit: Audit, request: SyncRequest | Resync, now_ms: int) -> Inquiry:
        """What the device has. The token is not moved on: the next Resync proves again what it stands for."""
        if isinstance(request, Resync):
            kept = proven(self._store, self._rates, device, request, now_ms)
            inquiry = tokens.asked(kept, request)
        else:
            inquiry = stated(request)
        return filtered(inquiry, Filter(patterns=audit.patterns)) if audit.patterns else inquiry

    def _compared(self, audit: Audit, kept: Sequence[_Kept]) -> Iterator[bool]:
        """Of each sum, in order, whether it differs."""
        if audit.total is not None or audit.channels:
            sums = [self._sum(one.channel_id, one.seqs) for one in kept]
            if audit.total is not None:
                yield audit.total != sum(sums) % SUM_STOP
            for told, found in zip(audit.channels, sums, strict=False):
                yield told != found % AUDIT_SUM_STOP
        for span in audit.spans:
            channel_id, seqs = kept[span.place]
            for told, share in zip(span.sums, shares(seqs, span.pieces()), strict=True):
                yield told != self._sum(channel_id, share) % AUDIT_SUM_STOP

    def _sum(self, channel_id: int, seqs: RangeSet) -> int:
        return self._store.tally(channel_id, seqs).fingerprint if seqs else 0


def _kept(standing: Standing, log: Log | None) -> _Kept:
    """Nothing of a channel that is not asked about or not to be read, and of another what may be read."""
    if log is None or log.epoch != standing.epoch:
        return _Kept(0, EMPTY)
    return _Kept(log.id, standing.kept & _readable(log))


def _readable(log: Log) -> RangeSet:
    return RangeSet([(log.floor, max(log.floor, log.head + 1))])


def _check_places(audit: Audit, count: int) -> None:
    """An audit speaks of the account that it states.

    Raises:
        ProtocolError: it does not.
    """
    if audit.channels and len(audit.channels) != count:
        raise ProtocolError(f"sums of {len(audit.channels)} channels, and the account has {count}")
    if any(span.place >= count for span in audit.spans):
        raise ProtocolError(f"a span of a channel beyond the {count} of the account")


def _runs(audit: Audit, kept: Iterable[_Kept]) -> Iterator[int]:
    """How many runs are to be looked up, about."""
    runs = [len(one.seqs.runs) for one in kept]
    if audit.total is not None or audit.channels:
        yield sum(runs)
    yield from (len(span.sums) for span in audit.spans)
    yield from (runs[place] for place in {span.place for span in audit.spans})
