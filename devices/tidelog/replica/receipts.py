"""What the service's word on messages does: receipts settle them, rejections hold them (SPEC.md, "Receipts").

A settled message leaves the outbox and becomes a record in one step: it is never in both, nor in neither.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidelog.replica.holdings import Holdings
from tidelog.replica.outbox import Outbox, speaks_of
from tidelog.replica.ports import OutboxEntry
from tidelog.replica.ports import Record as HeldRecord
from tidelog.replica.repairs import Repairs
from tidelog.replica.steps import Effects, Receipt, Receipted, Refused, Renumbered
from tidelog.replica.tuning import LATER
from tidelog.replica.uploads import Uploads
from tidelog.wire.errors import Code, error_for
from tidelog.wire.frames import Part, Receipts, Record, Rejection
from tidelog.wire.frames import Receipt as WireReceipt
from tidelog.wire.limits import MAX_BODY_MIN
from tidelog.wire.revisions import KINDS as REVISIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Settles what waits in the outbox.

    Attributes:
        outbox: the messages.
        holdings: where they become records.
        repairs: which look for what a receipt shows to be missing.
        uploads: which bring what a message speaks of.
    """

    outbox: Outbox
    holdings: Holdings
    repairs: Repairs
    uploads: Uploads

    def take(self, frame: Receipts, now: float, effects: Effects) -> None:
        """Take the answer to messages of this outbox."""
        for rejection in frame.rejections:
            self._reject(rejection, frame.highest, now, effects)
        for receipt in frame.receipts:
            entry = self.outbox.entries.get(receipt.n)
            # Without a digest nothing is known of whose it is: the message is sent again.
            if entry is None or entry.rejected or not receipt.digest:
                continue
            if not speaks_of(receipt, entry) or receipt.channel != entry.channel:
                # The number is another message's for good; that one's record comes by a sync.
                self.renumber(receipt.n, above=frame.highest, effects=effects)
                continue
            if self._counts(entry, receipt):
                self._settle(entry, receipt, frame.author, effects)
            self.repairs.look(receipt.channel, self.holdings, now, epoch=receipt.epoch)

    def _counts(self, entry: OutboxEntry, receipt: WireReceipt) -> bool:
        """Whether a message may leave the outbox: not where its record would be of no epoch that is known.

        The service may have been set back since, or may be before the record comes. Once its epoch is known
        the message is sent again; edits and deletes are not.
        """
        return entry.kind in REVISIONS or self.holdings.speaks_of(receipt.channel, receipt.epoch)

    def renumber(self, n: int, *, above: int, effects: Effects) -> None:
        """Send a message as a new one, with a number above all that either side has used."""
        entry = self.outbox.renumber(n, above)
        if entry is not None:
            effects.settled.append(n)
            effects.queued.append(entry)
            effects.next_n = self.outbox.next_n
            effects.events.append(Renumbered(old=n, new=entry.n))

    def resubmit(self, n: int, effects: Effects) -> None:
        """Send a refused message again, as a new one."""
        entry = self.outbox.entries.get(n)
        if entry is not None and entry.rejected:
            self.outbox.put(replace(entry, rejected=""))
            self.renumber(n, above=0, effects=effects)

    def discard(self, n: int, effects: Effects) -> None:
        """Forget a refused message."""
        entry = self.outbox.entries.get(n)
        if entry is not None and entry.rejected:
            self.outbox.remove(n)
            effects.settled.append(n)

    def _settle(self, entry: OutboxEntry, receipt: WireReceipt, author: str, effects: Effects) -> None:
        """A message is stored: it leaves the outbox and becomes a record, in one transaction."""
        self.outbox.remove(receipt.n)
        effects.settled.append(receipt.n)
        told = Receipt(channel=receipt.channel, seq=receipt.seq, time=receipt.time)
        effects.events.append(Receipted(n=receipt.n, receipt=told))
        if self.holdings.speaks_of(receipt.channel, receipt.epoch):
            self._keep(entry, receipt, author, effects)

    def _keep(self, entry: OutboxEntry, receipt: WireReceipt, author: str, effects: Effects) -> None:
        """As if it had been pushed, but that the application is not told: it wrote it."""
        one = _record(entry, receipt, author)
        part = Part(channel=receipt.channel, epoch=receipt.epoch, head=receipt.seq, records=(one,))
        holding, fresh, voided = self.holdings.accept(part)
        effects.records += [(receipt.epoch, record) for record in fresh or self._completed(entry, receipt)]
        effects.voided(receipt.channel, receipt.epoch, voided)
        effects.holdings[receipt.channel] = holding
        effects.written.append((receipt.channel, receipt.epoch, receipt.seq, receipt.n))

    def _completed(self, entry: OutboxEntry, receipt: WireReceipt) -> list[HeldRecord]:
        """A page may have brought the beginning of the message before its receipt: here is all of it."""
        shelf, seq = self.uploads.shelf, receipt.seq
        if shelf is None or len(entry.body) <= MAX_BODY_MIN:
            return []
        found = shelf.records(receipt.channel, receipt.epoch, start=seq, stop=seq + 1, limit=1)
        return [replace(one, body=entry.body, left_out=0) for one in found if not one.whole]

    def _reject(self, rejection: Rejection, highest: int, now: float, effects: Effects) -> None:
        entry = self.outbox.entries.get(rejection.n)
        # Not even a conflict of another message is one of ours, which may be stored under this number.
        if entry is None or entry.rejected or not speaks_of(rejection, entry):
            return
        if rejection.code is Code.CONFLICT:
            self.renumber(rejection.n, above=highest, effects=effects)
        elif rejection.code in LATER:
            self.outbox.postpone(rejection.n, now)
        elif rejection.code is not Code.BLOB or not self.uploads.need(entry, now):
            self.refuse(entry.n, rejection.code, effects)

    def refuse(self, n: int, code: Code, effects: Effects) -> None:
        """Give up a message; it stays in the outbox and is not sent again."""
        entry = self.outbox.entries.get(n)
        if entry is None:
            return
        refused = replace(entry, rejected=code.word)
        self.outbox.put(refused)
        effects.queued.append(refused)
        error = error_for(code, f"the service refused the message to {entry.channel!r}")
        effects.events.append(Refused(n=n, error=error))


def _record(entry: OutboxEntry, receipt: WireReceipt, author: str) -> Record:
    return Record(
        seq=receipt.seq,
        author=author,
        time=receipt.time,
        sent=entry.sent or receipt.time,
        kind=entry.kind,
        body=entry.body,
        content_type=entry.content_type,
        size=len(entry.body),
    )
