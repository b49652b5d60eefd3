"""Waiting for receipts, and printing them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict
from typing import Final, TypeVar

from tidelog.device import Device
from tidelog.replica.steps import Receipt
from tidelog.wire.errors import Denied, Unavailable
from tidelog_cli.terminal import local_time, print_json, print_line

T = TypeVar("T")

_KEPT: Final = "the message is in the outbox; the next `tidelog sync` sends it"


def awaited(
    device: Device,
    waiting: Future[T],
    timeout: float,
    *,
    kept: bool,
    what: str = "receipt",
    where: str = _KEPT,
    moved: Callable[[], float] = lambda: 0.0,
) -> T:
    """Wait for the receipt of a message, or for another word of the service's.

    Args:
        device: that sent it.
        waiting: as `Device.send` gave it.
        timeout: seconds, until there is a connection and the receipt.
        kept: whether the device's store outlives this command.
        what: what is waited for.
        where: where the rest is until then.
        moved: when a large body last went on, monotonic seconds: from then on the time counts again.

    Raises:
        TidelogError: there was none in time, or the message was refused.
    """
    deadline = time.monotonic() + timeout
    try:
        device.connect(timeout)
    except (Unavailable, Denied) as error:
        error.hint = _with_kept(error.hint, where if kept else "")
        raise
    while True:
        try:
            return waiting.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            deadline = max(deadline, moved() + timeout)
            if deadline > time.monotonic():
                continue
            raise Unavailable(
                f"no {what} within {timeout:g} s",
                code="timeout",
                hint=_with_kept("is the service running beside the broker?", where if kept else ""),
            ) from None


def _with_kept(hint: str, where: str) -> str:
    """A hint that ends with where the message is; one in memory ends with the command."""
    if not where:
        return hint
    return f"{hint} ({where})" if hint else where


def print_sent(channel: str, receipt: Receipt | None, *, as_json: bool) -> None:
    """Say what became of a message.

    Args:
        channel: its channel.
        receipt: ``None`` where it was left in the outbox.
        as_json: whether to write JSON.
    """
    if receipt is None and as_json:
        print_json({"channel": channel, "seq": None, "time": None})
    elif receipt is None:
        print_line(f"{channel}: in the outbox")
    elif as_json:
        print_json(asdict(receipt))
    else:
        print_line(f"{receipt.channel}: stored as {receipt.seq} at {local_time(receipt.time)}")
