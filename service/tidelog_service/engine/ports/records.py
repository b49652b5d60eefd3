"""The port of the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tidelog.wire.ranges import RangeSet, Run
from tidelog_service.engine.ports.logs import Chosen, Head, NewRow, Row, Sums


class Records(Protocol):
    """The records of all logs, by channel and seqs.

    A part of `tidelog_service.engine.ports.Store`, which says what binds every method.
    """

    def rows(
        self, channel_id: int, seqs: RangeSet, *, records_max: int, bytes_max: int, newest_first: bool
    ) -> list[Row]:
        """Stored records among ``seqs``, read by primary-key range; work grows with what is returned.

        Args:
            channel_id: the channel.
            seqs: which ones; every run is finite.
            records_max: at most so many.
            bytes_max: stop before the body with which the bodies returned would exceed this; the first
                is always returned.
            newest_first: read from the largest seq down, else from the smallest up.

        Returns:
            rows in the order read.
        """
        ...

    def revisions(self, channel_id: int, seqs: RangeSet, *, records_max: int, bytes_max: int) -> list[Row]:
        """Edits and deletes among ``seqs``, ascending; work grows with how many there are, and with the runs.

        Args:
            channel_id: the channel.
            seqs: which ones; every run is finite.
            records_max: at most so many.
            bytes_max: stop after the body with which the bodies returned come to so many.
        """
        ...

    def chosen(
        self,
        channel_id: int,
        seqs: RangeSet,
        *,
        authors: Sequence[str],
        kinds: Sequence[int],
        count_max: int,
        newest_first: bool,
    ) -> Chosen:
        """Which of the seqs pass a filter; work grows with those and with the runs, never with the log.

        Args:
            channel_id: the channel.
            seqs: which ones; every run is finite.
            authors: users, one of whom wrote it; empty for all.
            kinds: of one of which it is, or an edit, a delete or a stub; empty for all.
            count_max: stop after so many, at least 1.
            newest_first: from the largest seq down, else from the smallest up.
        """
        ...

    def sizes(self, channel_id: int, seqs: RangeSet, *, records_max: int) -> list[tuple[int, int]]:
        """Seq and size of the body, bytes, of the records among ``seqs``, the newest first.

        Args:
            channel_id: the channel.
            seqs: which ones; every run is finite.
            records_max: at most so many.
        """
        ...

    def first_at(self, channel_id: int, run: Run, time: int) -> int:
        """The first seq of a run from which on all records are of this time or later; its stop for none.

        Args:
            channel_id: the channel.
            run: half-open; finite.
            time: Unix milliseconds.
        """
        ...

    def tally(self, channel_id: int, seqs: RangeSet) -> Sums:
        """What the records among ``seqs`` come to, without reading them.

        It takes two look-ups a run, and a sum over the gaps in it that edits and deletes have left.

        Args:
            channel_id: the channel.
            seqs: which ones; every run is finite.
        """
        ...

    def append(self, rows: Sequence[NewRow]) -> None:
        """Insert records; inside a transaction.

        Raises:
            UsageError: a seq is higher than the store can number a log (``log_full``).
        """
        ...

    def erase(self, channel_id: int, seqs: RangeSet) -> None:
        """Delete records; inside the transaction that appended what voids them, after `advance`.

        Every run is finite.
        """
        ...

    def advance(self, heads: Mapping[int, Head]) -> None:
        """Set where logs stand, by channel id; inside the transaction that appended the rows.

        Raises:
            UsageError: as `append`.
        """
        ...
