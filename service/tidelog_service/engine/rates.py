"""How often and how much a device may ask: a token bucket each."""

from __future__ import annotations


class Rates:
    """Token buckets by device; an idle device's bucket is forgotten once it would be full.

    Args:
        per_second: tokens that come back in a second.
        burst: tokens of a full bucket.
    """

    def __init__(self, *, per_second: int, burst: int) -> None:
        """See the class."""
        self._per_second = per_second
        self._burst = burst
        self._buckets: dict[str, tuple[float, int]] = {}
        self._swept_ms = 0

    def admit(self, device: str, now_ms: int, *, cost: int = 1) -> bool:
        """Take tokens, if there are enough.

        Args:
            device: whose bucket.
            now_ms: Unix milliseconds; a clock that steps back refills nothing.
            cost: how many; at most a full bucket, which admits anything.
        """
        cost = min(cost, self._burst)
        tokens = self._tokens(device, now_ms)
        admitted = tokens >= cost
        # A refusal costs nothing, so that a device that asks too often is served at the rate it may have.
        self._buckets[device] = (tokens - cost if admitted else tokens, now_ms)
        return admitted

    def charge(self, device: str, now_ms: int, *, cost: int) -> None:
        """Take tokens for work that was not known before it was done: the bucket may owe as many as it holds.

        As long as it owes any, `admit` refuses whatever costs nothing too.
        """
        tokens = self._tokens(device, now_ms)
        self._buckets[device] = (max(tokens - cost, -float(self._burst)), now_ms)

    def _tokens(self, device: str, now_ms: int) -> float:
        self._sweep(now_ms)
        tokens, then_ms = self._buckets.get(device, (float(self._burst), now_ms))
        return min(self._burst, tokens + max(0, now_ms - then_ms) * self._per_second / 1000)

    def _sweep(self, now_ms: int) -> None:
        full_ms = 2 * self._burst * 1000 // self._per_second + 1  # from all that it may owe
        if now_ms - self._swept_ms < full_ms:
            return
        self._swept_ms = now_ms
        self._buckets = {
            device: (tokens, then_ms)
            for device, (tokens, then_ms) in self._buckets.items()
            if now_ms - then_ms < full_ms
        }
