"""Where what happens is told: to whoever waits for it, else to the application's callbacks."""

from __future__ import annotations

from dataclasses import dataclass

from tidelog.callbacks import Callbacks
from tidelog.replica.revisions import shown
from tidelog.replica.steps import (
    Arrived,
    AuditEnded,
    BodyCame,
    BodyEnded,
    BodyWent,
    EnrolEnded,
    Event,
    Marked,
    MarkSettled,
    MembershipChanged,
    Receipted,
    Refused,
    Renumbered,
    SyncEnded,
    Trouble,
)
from tidelog.waiting import Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """Tells events; on the driver's thread, so it only enqueues.

    Attributes:
        waiting: who waits for what.
        callbacks: the application's.
    """

    waiting: Waiting
    callbacks: Callbacks

    def tell(self, event: Event) -> None:
        """Tell an event to whom it concerns."""
        match event:
            case Receipted():
                self.waiting.receipted(event)
            case Refused():
                if not self.waiting.refused(event):
                    self.callbacks.trouble(event.error)
            case Renumbered():
                self.waiting.renumbered(event)
            case MarkSettled():
                self.waiting.marked(event)
            case SyncEnded() | AuditEnded():
                self.waiting.ended(event)
            case EnrolEnded():
                self.waiting.enrolled(event)
            case _:
                self._hear(event)

    def _hear(self, event: Event) -> None:
        match event:
            case Arrived():
                self.callbacks.arrived(tuple(map(shown, event.records)))
            case Marked():
                self.callbacks.marked(event.marks)
            case MembershipChanged():
                self.callbacks.changed(event.membership)
            case BodyWent():
                self._went(event)
            case BodyCame() | BodyEnded():
                self.waiting.body(event)
            case Trouble():
                self.callbacks.trouble(event.error)

    def _went(self, event: BodyWent) -> None:
        progress = self.waiting.progress_of(event)
        if progress is not None:
            self.callbacks.run(lambda: progress(event.there, event.size))
