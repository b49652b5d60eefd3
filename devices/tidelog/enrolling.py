"""Requests about channels and members: what may be asked, and waiting for the answer."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Literal

from tidelog.replica.steps import Membership
from tidelog.shell import Shell
from tidelog.wire.enrolling import Action, Enrol, Role
from tidelog.wire.errors import Unavailable, UsageError
from tidelog.wire.limits import ENROL_USERS_MAX
from tidelog.wire.topics import checked_channel, checked_user

RoleWord = Literal["reader", "writer", "owner"]
"""What a member may do in a channel; owners say who is one."""


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
    """Asks about channels and members; any thread may call.

    Args:
        shell: the device's.
    """

    def __init__(self, shell: Shell) -> None:
        """See the class."""
        self._shell = shell

    def ask(self, frame: Enrol, timeout: float) -> Membership:
        """Ask, and wait for the answer.

        Raises:
            Denied, UsageError: as the service says.
            Unavailable: no link or no answer in time.
        """
        self._shell.start()
        job, future = self._shell.next_job(), Future[Membership]()
        self._shell.waiting.for_enrolment(job, future)
        try:
            return self._shell.answer(
                future,
                timeout=timeout,
                begin=lambda machine, _now: machine.enrol(job, frame),
                give_up=lambda machine, _error: machine.give_up_enrol(job),
                late=_late(timeout),
            )
        finally:
            self._shell.waiting.forget_enrolment(job)


def _late(timeout: float) -> Unavailable:
    return Unavailable(
        f"the service did not answer within {timeout:g} s",
        code="timeout",
        hint="it may have done it all the same; to ask again does no harm",
    )
