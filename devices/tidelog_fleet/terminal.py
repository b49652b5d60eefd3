"""A device of the fleet: a real `tidelog.Device` with its link and its store, doing what its plan says."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Final

from tidelog.device import Device
from tidelog.replica.ports import Record
from tidelog.wire.errors import Denied, TidelogError, Unavailable
from tidelog.wire.ranges import RangeSet
from tidelog_fleet.checker import Shelf
from tidelog_fleet.crew import Seat
from tidelog_fleet.ledger import Ledger, Synced
from tidelog_fleet.links import Link
from tidelog_fleet.plan import (
    Action,
    Cut,
    Forget,
    Heal,
    Quit,
    Start,
    Step,
    Sync,
    TornSync,
    Trespass,
    Wipe,
    Write,
)

SYNC_SECONDS: Final = 20.0
"""How long a sync of the plan may take, an outage in its middle included."""

SYNC_SECONDS_MIN: Final = 3.0
"""A sync has so long even where the plan is about to end."""

_PATIENCE_S: Final = 3.0
"""How long somebody whose link is back waits for the device before starting the program anew. By itself it
comes back too, within a minute: the wait between its attempts has grown with each that failed."""

_POLL_S: Final = 0.1


class Terminal:
    """A device acting by its plan; one thread at a time, but for `close` and `online`.

    Args:
        seat: who it is.
        secret: its password.
        link: its way to the broker.
        folder: where its stores go.
        ledger: where it writes down what happens.
        skew_ms: by how much its clock is ahead.
    """

    def __init__(
        self, seat: Seat, *, secret: str, link: Link, folder: Path, ledger: Ledger, skew_ms: int = 0
    ) -> None:
        """See the class."""
        self.seat = seat
        self.link = link
        self.skew_ms = skew_ms
        self._secret = secret
        self._stores = (folder / f"{seat.device}-{life}.db" for life in count(1))
        self._store = next(self._stores)
        self._ledger = ledger
        self._device: Device | None = None
        self._closing = threading.Lock()
        self._closed = False
        self._until = math.inf
        self._told: set[tuple[str, int]] = set()
        self._forgotten: dict[str, RangeSet] = {}

    @property
    def online(self) -> bool:
        """Whether its program runs and has a connection that the link carries."""
        device = self._device
        return device is not None and device.connected and self.link.carrying

    @property
    def device(self) -> Device:
        """The running device, started where it is not."""
        if self._device is None:
            self._start()
        assert self._device is not None  # noqa: S101 - just started
        return self._device

    def act(self, plan: Iterable[Step], *, started: float, until: float, stop: threading.Event) -> None:
        """Go through a plan; what is late is done at once.

        Args:
            plan: the steps, ascending by time.
            started: when the plan's time 0 was, monotonic seconds.
            until: when what is late is left out, monotonic seconds.
            stop: ends it between two steps.
        """
        self._until = until
        for step in plan:
            late_s = time.monotonic() - started - step.at_s
            if stop.wait(max(0.0, -late_s)) or time.monotonic() > until:
                return
            self.perform(step.action)

    def perform(self, action: Action) -> None:
        """Do one thing; what goes wrong that should not stands in the ledger."""
        try:
            self._PERFORM[type(action)](self, action)
        except TidelogError as error:
            if not self._closed:
                self._ledger.complain(self.seat, f"{type(action).__name__}: {error} [{error.code}]")

    def close(self) -> None:
        """End the program for good; from any thread, idempotent."""
        with self._closing:
            self._closed = True
            device, self._device = self._device, None
        if device is not None:
            device.close()

    def _start(self) -> None:
        with self._closing:
            if self._closed:
                raise Unavailable("the fleet has ended", code="closed")
            device = self._device = Device(
                self.link.url,
                device=self.seat.device,
                secret=self._secret,
                store=self._store,
                clock=lambda: time.time_ns() // 1_000_000 + self.skew_ms,
            )
        device.on_record(self._arrived)
        device.on_error(self._troubled)
        device.wait_online(0)  # starts it, as `with` does

    def _run(self, _action: Start) -> None:
        if self._device is None:
            self._start()

    def _cut(self, action: Cut) -> None:
        self.link.cut(silent=action.silent)

    def _heal(self, _action: Heal) -> None:
        self.come_back()

    def _end(self, _action: Quit) -> None:
        self._quit()
        self._ledger.count("restarts")

    def _quit(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def _write(self, action: Write) -> None:
        for body in action.bodies:
            future = self.device.send(action.channel, body)
            self._ledger.wrote(self.seat, action.channel, body, future)

    def _plain_sync(self, _action: Sync) -> None:
        self._sync(self._sync_seconds())

    def _sync_seconds(self) -> float:
        return max(SYNC_SECONDS_MIN, min(SYNC_SECONDS, self._until - time.monotonic()))

    def _torn_sync(self, action: TornSync) -> None:
        self.link.tear(after_bytes=action.after_bytes, outage_s=action.outage_s, silent=action.silent)
        self._sync(self._sync_seconds())
        self.link.heal()

    def _sync(self, timeout: float) -> bool:
        """Whether it brought everything there was when it ended."""
        device = self.device
        try:
            report = device.sync(timeout=timeout)
        except Unavailable:
            # The link, or the time: nothing is wrong, and what arrived is kept.
            self._ledger.count("failed_syncs")
            return False
        heads = {channel.name: channel.head for channel in device.channels()}
        self._ledger.synced(Synced(seat=self.seat, report=report, heads=heads))
        return report.complete

    def _forget(self, action: Forget) -> None:
        known = {channel.name: channel.head for channel in self.device.channels()}
        head = known.get(action.channel, 0)
        run = (1 + int(action.start * head), 1 + int(action.stop * head))
        kept = self._forgotten.get(action.channel, RangeSet())
        self._forgotten[action.channel] = kept | RangeSet([run])
        self.device.drop(action.channel, [run])
        self._ledger.count("forgotten", run[1] - run[0])

    def _wipe(self, _action: Wipe) -> None:
        waiting = self.device.outbox()
        device, self._device = self.device, None
        device.close()
        self._ledger.wiped(self.seat, waiting)
        self._store.unlink(missing_ok=True)
        self._store = next(self._stores)
        self._told.clear()
        self._forgotten.clear()
        self._start()

    def _trespass(self, action: Trespass) -> None:
        try:
            report = self.device.sync(channels=[action.channel], timeout=self._sync_seconds())
        except Denied:
            self._ledger.count("refusals")
        except Unavailable:
            self._ledger.count("failed_syncs")
        else:
            self._ledger.complain(self.seat, f"a sync of the foreign {action.channel} succeeded: {report}")

    # On the device's own thread for callbacks

    def _arrived(self, record: Record) -> None:
        self._ledger.count("delivered")
        key = (record.channel, record.seq)
        if key in self._told and record.seq not in self._forgotten.get(record.channel, RangeSet()):
            self._ledger.complain(self.seat, f"{record.channel} {record.seq} was told as new twice")
        self._told.add(key)

    def _troubled(self, error: Exception) -> None:
        if not isinstance(error, Unavailable):
            self._ledger.complain(self.seat, f"trouble: {error!r}")

    def shelves(self) -> Iterator[Shelf]:
        """Everything in its store."""
        device = self.device
        for channel in device.channels():
            records = tuple(device.records(channel.name))
            yield Shelf(channel=channel.name, head=channel.head, records=records)

    # The end

    def come_back(self) -> None:
        """Have a link and a running program again; whoever waits too long for it starts the program anew."""
        self.link.heal()
        if not self._online_within(_PATIENCE_S):
            self._quit()
            self._ledger.count("revived")
            self._online_within(_PATIENCE_S)

    def _online_within(self, seconds: float) -> bool:
        # Not `Device.wait_online`: it takes the connection that the healing has just reset for a good one.
        deadline = time.monotonic() + seconds
        self.device.wait_online(0)
        while not self.online and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return self.online

    def deliver(self, until: Callable[[], float]) -> str:
        """Wait until the outbox is empty.

        Args:
            until: the seconds that are left.

        Returns:
            why it is not, or nothing.
        """
        while waiting := self.device.outbox():
            refused = {entry.rejected for entry in waiting if entry.rejected}
            if refused:
                return f"{len(waiting)} messages in the outbox, refused: {', '.join(sorted(refused))}"
            if until() <= 0:
                return f"{len(waiting)} messages in the outbox without a receipt"
            time.sleep(_POLL_S)
        return ""

    def complete(self, until: Callable[[], float]) -> str:
        """Sync until nothing is missing; arguments and result as `deliver`."""
        while (left_s := until()) > 0:
            if self._sync(min(SYNC_SECONDS, left_s)):
                return ""
            time.sleep(_POLL_S)
        return "no sync was complete in time"

    _PERFORM: ClassVar[dict[type, Callable[[Terminal, Any], object]]] = {
        Write: _write,
        Cut: _cut,
        Heal: _heal,
        Quit: _end,
        Start: _run,
        Sync: _plain_sync,
        TornSync: _torn_sync,
        Forget: _forget,
        Wipe: _wipe,
        Trespass: _trespass,
    }
