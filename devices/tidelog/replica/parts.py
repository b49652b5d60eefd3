"""What a machine is made of: its parts, and how they are put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidelog.replica.answers import Answers
from tidelog.replica.asking import Ability
from tidelog.replica.audits import Audits
from tidelog.replica.dictionaries import Dictionaries
from tidelog.replica.downloads import Downloads
from tidelog.replica.enrolments import Enrolments
from tidelog.replica.holdings import Holdings
from tidelog.replica.marks import Marks
from tidelog.replica.mending import Mending
from tidelog.replica.outbox import Outbox
from tidelog.replica.parcels import Parcels
from tidelog.replica.ports import Shelf, Snapshot
from tidelog.replica.priming import Priming
from tidelog.replica.pushes import Pushes
from tidelog.replica.receipts import Settlement
from tidelog.replica.repairs import Repairs
from tidelog.replica.requests import Requests
from tidelog.replica.steps import Chance
from tidelog.replica.stranded import Stranded
from tidelog.replica.trust import Trust
from tidelog.replica.tuning import Tuning
from tidelog.replica.uploads import Uploads


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """One machine's; each says itself what it is for.

    Attributes:
        device: the device's id.
        seconds: whether times are whole seconds.
        tuning: times and sizes.
    """

    device: str
    seconds: bool
    tuning: Tuning
    holdings: Holdings
    outbox: Outbox
    parcels: Parcels
    dictionaries: Dictionaries
    requests: Requests
    repairs: Repairs
    priming: Priming
    trust: Trust
    mending: Mending
    uploads: Uploads
    downloads: Downloads
    stranded: Stranded
    settlement: Settlement
    pushes: Pushes
    enrolments: Enrolments
    marks: Marks
    audits: Audits
    answers: Answers

    def restart(self, now: float) -> None:
        """The link is up."""
        self.trust.restart()
        self.outbox.restart()
        self.uploads.restart()
        self.parcels.restart()
        self.mending.resume(now)
        self.marks.restart(now)

    def suspend(self) -> None:
        """The link is down: what is open gets no answer."""
        for part in (self.requests, self.dictionaries, self.enrolments, self.downloads, self.audits):
            part.suspend()


def parts_of(
    snapshot: Snapshot,
    *,
    device: str,
    chance: Chance,
    tuning: Tuning,
    codecs: Sequence[int],
    context_bytes: int,
    shelf: Shelf | None,
) -> Parts:
    """Put the parts together; see `tidelog.replica.machine.Machine` for the arguments."""
    # A store that once took whole seconds does so for good.
    seconds = tuning.whole_seconds or snapshot.seconds
    holdings = Holdings(snapshot.holdings)
    outbox = Outbox(snapshot.outbox_id, snapshot.next_n, snapshot.outbox, tuning=tuning, chance=chance)
    dictionaries = Dictionaries(snapshot.dictionaries, tuning=tuning, chance=chance)
    ability = Ability(
        codecs=tuple(codecs),
        page_bytes=tuning.page_bytes,
        context_bytes=context_bytes,
        live=tuning.live,
        dictionary=dictionaries.best,
        pages=shelf is not None,
    )
    requests = Requests(tuning=tuning, chance=chance, ability=ability, device=device, seconds=seconds)
    repairs = Repairs(tuning=tuning, chance=chance)
    priming = Priming(shelf)
    trust = Trust(snapshot.tokens)
    uploads = Uploads(outbox=outbox, shelf=shelf, tuning=tuning, chance=chance)
    stranded = Stranded(shelf, outbox, snapshot.earlier, resends=not seconds)
    marks = Marks(snapshot.marks, snapshot.user, tuning=tuning, chance=chance)
    return Parts(
        device=device,
        seconds=seconds,
        tuning=tuning,
        holdings=holdings,
        outbox=outbox,
        parcels=Parcels(shelf if codecs else None, grounded=not seconds),
        dictionaries=dictionaries,
        requests=requests,
        repairs=repairs,
        priming=priming,
        trust=trust,
        mending=Mending(requests=requests, repairs=repairs, holdings=holdings, trust=trust, tuning=tuning),
        uploads=uploads,
        downloads=Downloads(shelf, tuning=tuning, chance=chance),
        stranded=stranded,
        settlement=Settlement(outbox=outbox, holdings=holdings, repairs=repairs, uploads=uploads),
        pushes=Pushes(holdings=holdings, repairs=repairs, priming=priming),
        enrolments=Enrolments(tuning=tuning, chance=chance, holdings=holdings, repairs=repairs),
        marks=marks,
        audits=Audits(
            requests=requests, holdings=holdings, trust=trust, shelf=shelf, tuning=tuning, chance=chance
        ),
        answers=Answers(
            requests=requests,
            holdings=holdings,
            repairs=repairs,
            dictionaries=dictionaries,
            trust=trust,
            marks=marks,
            stranded=stranded,
            shelf=shelf,
            device=device,
            live=tuning.live,
        ),
    )
