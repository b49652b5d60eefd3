"""Which of the things that a device asked for a fault is about (SPEC.md, "Fault")."""

from __future__ import annotations

from tidelog.replica.parts import Parts
from tidelog.replica.steps import Effects, Trouble
from tidelog.wire.errors import Code, error_for
from tidelog.wire.frames import Fault


class Faults:
    """Brings faults to the part that they are for.

    Args:
        parts: the machine's.
    """

    def __init__(self, parts: Parts) -> None:
        """See the class."""
        self._parts = parts

    def take(self, fault: Fault, size: int, now: float, effects: Effects) -> bool:
        """Take a fault.

        Args:
            fault: as it came.
            size: MQTT bytes that it took on the socket.
            now: monotonic seconds.
            effects: of this step.

        Returns:
            whether it was to be expected; what is about nothing that is known is trouble.
        """
        parts = self._parts
        if parts.audits.fault(fault, size, now, effects):
            return True
        if parts.answers.fault(fault, size, now, effects):
            return True
        if parts.downloads.refused(fault, now, effects):
            return True
        lost = parts.uploads.refused(fault, now)
        if lost is not None:
            parts.settlement.refuse(lost, fault.code, effects)
            return True
        parts.requests.late(fault.rid, size)
        return self._unasked(fault, now, effects)

    def _unasked(self, fault: Fault, now: float, effects: Effects) -> bool:
        """It is not about a sync, an audit or a body."""
        if fault.code is Code.TOKEN:
            return False  # the answer to another try has said so
        if self._parts.parcels.refused(fault.code):
            self._parts.outbox.recall(based=fault.code is Code.CONTEXT)
        elif not self._refused(fault, now, effects):
            effects.events.append(Trouble(error=error_for(fault.code, fault.text)))
        return True

    def _refused(self, fault: Fault, now: float, effects: Effects) -> bool:
        """Whether it is about one of the requests that are made beside syncs."""
        return (
            self._parts.dictionaries.refused(fault, now)
            or self._parts.enrolments.refused(fault, now, effects)
            or self._parts.marks.refused(fault, now, effects)
        )
