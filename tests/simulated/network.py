"""The network of the simulation: packets are late, lost, repeated and overtaken, as the seed wants it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random

from simulated.timeline import Timeline
from tidelog.mqtt.loopback_broker import Delivery, LoopbackBroker


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How bad the network is.

    Attributes:
        loss: share of QoS 0 packets that vanish.
        loss_acknowledged: the same at QoS 1: a broker that acknowledges before it routes.
        repeat: share of packets that come twice.
        latency: mean of the exponential delay of a packet, seconds; packets overtake each other by it.
        bytes_per_second: how fast a packet's bytes leave.
    """

    loss: float = 0.0
    loss_acknowledged: float = 0.0
    repeat: float = 0.0
    latency: float = 0.02
    bytes_per_second: float = 1e6


CALM = Weather()


def storm(rng: Random) -> Weather:
    """Some bad weather."""
    return Weather(
        loss=rng.choice([0.0, 0.02, 0.1, 0.3]),
        loss_acknowledged=rng.choice([0.0, 0.0, 0.05, 0.2]),
        repeat=rng.choice([0.0, 0.05, 0.2]),
        latency=rng.choice([0.01, 0.1, 1.0, 3.0]),
        bytes_per_second=rng.choice([1e6, 1e5, 2e3]),
    )


class Network:
    """Carries what the broker and its clients send.

    Args:
        timeline: when packets arrive.
        rng: decides their fates.

    Attributes:
        broker: routes what arrives.
        weather: as it is now.
    """

    def __init__(self, timeline: Timeline, rng: Random) -> None:
        self.broker = LoopbackBroker(self._send)
        self.weather = CALM
        self._timeline = timeline
        self._rng = rng

    def _send(self, delivery: Delivery) -> None:
        weather, rng = self.weather, self._rng
        loss = weather.loss_acknowledged if delivery.qos else weather.loss
        if rng.random() < loss:
            return
        for _ in range(2 if rng.random() < weather.repeat else 1):
            late = rng.expovariate(1 / weather.latency) + delivery.size / weather.bytes_per_second
            self._timeline.after(late, partial(self.broker.carry, delivery))
