"""A plain tree in a storm: readings that are published again and again, by a fleet that gets no answer."""

from __future__ import annotations

from collections import Counter
from functools import partial
from random import Random

import pytest

from simulated.server import Server
from simulated.timeline import Timeline
from tidelog.mqtt.loopback_broker import Delivery, LoopbackBroker
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.rules import IngestRule, IngestRules
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.gathered import GatheredStore
from tidelog_service.store.records import RecordStore

SENSORS = ("hall/temp", "hall/hum", "cellar/temp")
READINGS = 40
STORM_S = 120.0
FAULTS = {
    "disk": 0.15,
    "kill before commit": 0.05,
    "kill after commit": 0.1,
    "redelivery": 0.5,
    "context": 0.0,
}


class Site:
    """Sensors, a broker that delivers late and twice, and a service that is killed now and then."""

    def __init__(self, seed: int, database: Database) -> None:
        self.rng = Random(seed)
        self.timeline = Timeline()
        self.stormy = True
        self.faults: Counter[str] = Counter()
        self.broker = LoopbackBroker(self._carry)
        self.server = Server(
            self.broker, timeline=self.timeline, database=database, rng=self.rng, faults=self._fails
        )
        rule = IngestRule.parse(topic="sensors/+/+", channel="{1}", author="{2}", key="id")
        self.server.use(IngestRules([rule]))

    def run(self) -> None:
        """A storm, then each reading once more."""
        for sensor in SENSORS:
            for n in range(READINGS):
                for _ in range(self.rng.randrange(4)):
                    self.timeline.after(self.rng.uniform(0, STORM_S), partial(self.publish, sensor, n))
        self.timeline.run_until(STORM_S)
        self.stormy = False
        self._restart()
        self.timeline.run_until(self.timeline.now + 60)
        for sensor in SENSORS:
            for n in range(READINGS):
                self.publish(sensor, n)
        self.timeline.run_until(self.timeline.now + 60)

    def publish(self, sensor: str, n: int) -> None:
        self.broker.route(f"sensors/{sensor}", b'{"id":%d}' % n, qos=1)

    def _carry(self, delivery: Delivery) -> None:
        for _ in range(2 if self.stormy and self.rng.random() < 0.1 else 1):
            self.timeline.after(self.rng.uniform(0, 0.5), partial(self.broker.carry, delivery))

    def _fails(self, place: str) -> bool:
        if not self.stormy or self.rng.random() >= FAULTS[place]:
            return False
        self.faults[place] += 1
        if place.startswith("kill"):
            self.timeline.after(self.rng.uniform(0.1, 5.0), self._restart)
        return True

    def _restart(self) -> None:
        if not self.server.up:
            self.server.start()


@pytest.mark.parametrize("seed", range(12))
def test_each_reading_is_stored_exactly_once(seed: int) -> None:
    with open_database(":memory:") as database:
        site = Site(seed, database)
        site.run()
        assert site.faults["disk"]
        assert site.faults["kill after commit"]
        store, found = RecordStore(database), GatheredStore(database).channels(["hall", "cellar"])
        for channel, sensors in (("hall", ("temp", "hum")), ("cellar", ("temp",))):
            log = found[channel].log
            every = RangeSet([(1, log.head + 1)])
            rows = store.rows(log.id, every, records_max=10**6, bytes_max=10**9, newest_first=False)
            assert [row.seq for row in rows] == list(every)
            expected = [(sensor, b'{"id":%d}' % n) for sensor in sensors for n in range(READINGS)]
            assert sorted((row.author, row.body) for row in rows) == sorted(expected), f"seed {seed}"
