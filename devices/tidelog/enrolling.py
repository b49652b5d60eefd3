"""Who waits for the answers to requests about channels and members, and what may be asked."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Literal, Protocol, TypeVar

from tidelog.driver import Command
from tidelog.replica.steps import EnrolEnded, Membership
from tidelog.waiting import LinkState
from tidelog.wire.enrolling import Action, Enrol, Role
from tidelog.wire.errors import TidelogError, Unavailable, UsageError
from tidelog.wire.limits import ENROL_USERS_MAX
from tidelog.wire.topics import checked_channel, checked_user

RoleWord = Literal["reader", "writer", "owner"]
"""What a member may do in a channel; owners say who is one."""

_T = TypeVar("_T")


class _Local(Protocol):
    """Runs a command on the device's own thread and waits for it."""

    def __call__(self, command: Command[_T]) -> _T:
        """See the class."""
        ...


def enrol(
    action: Action,
    channel: str = "",
    users: Iterable[str] = (),
    *,
    role: RoleWord = "writer",
    windowed: bool = False,
) -> Enrol:
    """What the application asks, checked before anything is sent.

    Raises:
        UsageError: a name or the role is none (``channel_name``, ``user_name``, ``usage``), nobody is named
            where somebody must be, or there are too many (``limit``).
    """
    if isinstance(users, str):
        raise UsageError(f"users are a list of names, not {users!r}")
    names = tuple(dict.fromkeys(map(checked_user, users)))
    if len(names) > ENROL_USERS_MAX:
        raise UsageError(f"{len(names)} users: at most {ENROL_USERS_MAX} in one request", code="limit")
    if role not in {known.word for known in Role}:
        raise UsageError(f"a role is 'reader', 'writer' or 'owner', not {role!r}")
    if action in (Action.INVITE, Action.REMOVE) and not names:
        raise UsageError(f"{action.word}: whom?")
    if action is not Action.DIRECT:
        checked_channel(channel)
    return Enrol(
        rid=0, action=action, channel=channel, users=names, role=Role[role.upper()], windowed=windowed
    )


class Enrolling:
    """Futures of requests by job; any thread may call.

    Args:
        local: runs a command on the device's thread.
        link: whether there is a connection.
        hasten: called where somebody waits and there is none.
    """

    def __init__(self, *, local: _Local, link: LinkState, hasten: Callable[[], None]) -> None:
        """See the class."""
        self._local = local
        self._link = link
        self._hasten = hasten
        self._lock = threading.Lock()
        self._jobs = itertools.count(1)
        self._waiting: dict[int, Future[Membership]] = {}

    def ask(self, frame: Enrol, timeout: float) -> Membership:
        """Ask, and wait for the answer.

        Raises:
            Denied, UsageError: as the service says.
            Unavailable: no link or no answer in time.
        """
        self._hasten()
        deadline = time.monotonic() + timeout
        job, future = next(self._jobs), Future[Membership]()
        with self._lock:
            self._waiting[job] = future
        try:
            self._local(lambda machine, _now: (None, machine.enrol(job, frame)))
            refused = self._link.wait_settled(timeout, otherwise=future.done)
            return future.result(timeout=0.0 if refused else max(0.0, deadline - time.monotonic()))
        except FutureTimeoutError:
            self._local(lambda machine, _now: (None, machine.give_up_enrol(job)))
            raise self._late(timeout) from None
        finally:
            with self._lock:
                self._waiting.pop(job, None)

    def ended(self, event: EnrolEnded) -> None:
        """An answer is in."""
        with self._lock:
            future = self._waiting.get(event.job)
        if future is None or future.done():
            return
        if event.membership is not None:
            future.set_result(event.membership)
        else:
            future.set_exception(event.error or Unavailable("no answer"))
        self._link.stir()

    def fail_all(self, error: TidelogError) -> None:
        """The device is closed: nobody will hear any more."""
        with self._lock:
            futures = list(self._waiting.values())
        for future in futures:
            if not future.done():
                future.set_exception(error)
        self._link.stir()

    def _late(self, timeout: float) -> TidelogError:
        if not self._link.online:
            return self._link.why_offline(f"no connection within {timeout:g} s")
        return Unavailable(
            f"the service did not answer within {timeout:g} s",
            code="timeout",
            hint="it may have done it all the same; to ask again does no harm",
        )
