"""Large bodies come out as they went in, whatever goes down, and a cut costs no more than a window."""

from __future__ import annotations

from random import Random

import pytest

from simulated.harbour import Harbour
from simulated.network import Weather
from tidelog.replica.uploads import WINDOW_BYTES


@pytest.mark.parametrize("seed", range(25))
def test_what_comes_out_is_what_went_in(seed: int) -> None:
    """Once each, on both devices, after storms and crashes of all three."""
    rng = Random(seed)
    harbour = Harbour(seed, page_bytes=rng.choice([1_024, 4_096, 16_384]))
    for _ in range(rng.randrange(1, 4)):
        harbour.send(rng.randrange(32_769, 120_000))
    harbour.storm(60.0)
    harbour.calm()
    assert not harbour.errors
    assert sorted(harbour.bodies(harbour.bob)) == sorted(harbour.sent)
    assert sorted(harbour.bodies(harbour.ann)) == sorted(harbour.sent)
    whole = harbour.database.fetch("SELECT count(*), sum(got), sum(size) FROM body WHERE record IS NOT NULL")
    assert whole == [(len(harbour.sent), sum(map(len, harbour.sent)), sum(map(len, harbour.sent)))]
    harbour.database.close()


@pytest.mark.parametrize("seed", range(10))
def test_a_cut_costs_a_window_on_the_way_up_and_a_portion_on_the_way_down(seed: int) -> None:
    """Of a body of two megabytes; service and device start again now and then."""
    harbour = Harbour(seed)
    rng, size = Random(seed), 2_000_000
    harbour.network.weather = Weather(latency=0.05, bytes_per_second=1e6)
    harbour.send(size)
    cuts = _cut_now_and_then(harbour, rng)
    assert size <= harbour.counted["chunks"] <= size + cuts * WINDOW_BYTES
    harbour.calm()
    assert cuts > 3
    assert harbour.bodies(harbour.bob) == harbour.sent
    assert harbour.counted["bob-phone"] == size, "what came was kept, and did not come again"
    harbour.database.close()


def _cut_now_and_then(harbour: Harbour, rng: Random) -> int:
    """Cut Ann off until her message is sent; how often."""
    cuts = 0
    while harbour.ann.machine.outbox.entries:
        harbour.timeline.run_until(harbour.timeline.now + rng.uniform(0.3, 1.5))
        cuts += 1
        if rng.random() < 0.3:
            harbour.server.kill(redelivered=False)
            harbour.server.start()
        if rng.random() < 0.3:
            harbour.ann.boot()
        harbour.ann.link.cut()
        harbour.ann.link.restore()
    return cuts
