"""A page before its bodies are compressed: what is told, which records may go, what primes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidelog.codec import bodies
from tidelog.codec.context import Context, Entry, history_records
from tidelog.codec.page import Lack, prime
from tidelog.wire.page_frames import Model, Screened
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Told
from tidelog_service.engine.inquiries import Inquiry
from tidelog_service.engine.ports import Log, Store
from tidelog_service.engine.reading import Memory, StoredHeld


@dataclass(slots=True, kw_only=True)
class Draft:
    """What may go into a page.

    Attributes:
        inquiry: what was asked; its account is as the page's header leaves it.
        logs: the channels in scope, by name.
        places: of the channels in the account that was stated.
        told: the page's header.
        gone: channels of the account that are not to be had, as far as it does not say so.
        untold: whether there is something to tell of channels for which the header has no room.
        hidden: those that can be had, and whose records can not go before they are told.
        primable: whether both sides have the same account of what the device holds; not where the header had
            no room for what became of its channels.
        every: all that the device lacks and asks for.
        lacks: the channels with records in ``entries``, ascending by place.
        entries: records that may go, in the order of the answer.
        lacking: how many records the device lacks in all.
        looked: how many held records were looked at, or as much other work.
        passing: what passes the filter of a query and is lacking, by channel; ``None`` where it is none.
        screened: what the page has to say of it.
    """

    inquiry: Inquiry
    logs: Mapping[str, Log]
    places: Mapping[str, int]
    told: list[Told] = field(default_factory=list)
    gone: tuple[str, ...] = ()
    untold: bool = False
    hidden: list[Log] = field(default_factory=list)
    primable: bool = True
    every: tuple[Lack, ...] = ()
    lacks: list[Lack] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    lacking: int = 0
    looked: int = 0
    passing: dict[str, RangeSet] | None = None
    screened: tuple[Screened, ...] = ()

    @property
    def text_bytes(self) -> int:
        """Of the bodies that may go, with their ends."""
        return sum(bodies.size(entry.body) for entry in self.entries)

    @property
    def first_bytes(self) -> int:
        """Of the first body, with its end; 0 where there is none."""
        return bodies.size(self.entries[0].body) if self.entries else 0

    def primed(self, store: Store, memory: Memory, context_bytes: int, *, codec: int) -> Context:
        """What primes the page, for a budget of context."""
        held = StoredHeld(store, memory, self.logs, self.inquiry.account, self.inquiry.terms.rule)
        history = history_records(len(self.entries))
        found = prime(self.lacks, held, Model(context_bytes), codec=codec, history=history)
        self.looked += held.looked
        return found
