"""Messages into the log, a second: the service against a null paho subscriber, in the same run.

Through a real Mosquitto. Each round fills the session of an absent subscriber with messages (QoS 1, 100-byte
bodies, ``put`` topics), then starts the subscriber in a process of its own and times it from its first packet
to its last. The null one only counts and acknowledges, as stock paho does; the service stores each message
with fsync, acknowledges after the commit and answers with receipts. Publishing takes no time of either.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import paho.mqtt.client as mqtt

from bench.report import Result, show
from tidelog_service.config import load
from tidelog_service.runner import Service
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.database import open_database
from tidelog_service.store.registry import Registry

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from brokers import RunningBroker, start_mosquitto

MESSAGES = 20_000
ROUNDS = 5
DEVICES = 10
BODY = b"x" * 100
TARGET = 0.5


def run() -> list[Result]:
    """Measure, by turns."""
    rates: dict[str, list[float]] = {"null": [], "service": []}
    for number in range(ROUNDS):
        for subject, seen in rates.items():
            seen.append(_round(subject))
            print(f"round {number + 1}/{ROUNDS} {subject}: {seen[-1]:,.0f} messages/s", flush=True)
    ratios = [mine / null for mine, null in zip(rates["service"], rates["null"], strict=True)]
    return [
        Result(
            name="service, against a null paho subscriber",
            value=median(rates["service"]),
            reference=median(rates["null"]),
            unit="msgs/s",
            ratio=median(ratios),
            least=TARGET,
        )
    ]


def _round(subject: str) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        secrets = _provision(folder / "data")
        broker = start_mosquitto(folder / "broker", devices=secrets)
        try:
            _leave_session(broker)
            _fill(broker, secrets)
            return _timed(subject, broker, folder / "data")
        finally:
            broker.stop()


def _provision(data: Path) -> dict[str, str]:
    with open_database(DataFolder(data).database) as database:
        registry = Registry(database)
        registry.add_user("alice")
        registry.add_channel("room1", ["alice"])
        return {f"d{n}": registry.add_device("alice", f"d{n}") for n in range(DEVICES)}


def _connected(broker: RunningBroker, name: str, secret: str, *, clean: bool) -> mqtt.Client:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean)
    client.username_pw_set(name, secret)
    up = threading.Event()
    client.on_connect = lambda *_: up.set()
    client.connect(broker.host, broker.port)
    client.loop_start()
    if not up.wait(10):
        raise TimeoutError("no connection to Mosquitto")
    return client


def _leave_session(broker: RunningBroker) -> None:
    """A session of the service's that keeps what is published while nobody is there."""
    client = _connected(broker, "service", broker.service_password, clean=False)
    granted = threading.Event()
    client.on_subscribe = lambda *_: granted.set()
    client.subscribe([("tl1/+/put/#", 1), ("tl1/+/msg", 1), ("tl1/+/msg/#", 1)])
    if not granted.wait(10):
        raise TimeoutError("no SUBACK from Mosquitto")
    client.disconnect()
    client.loop_stop()


def _fill(broker: RunningBroker, secrets: dict[str, str]) -> None:
    for device, secret in secrets.items():
        client = _connected(broker, device, secret, clean=True)
        infos = [
            client.publish(f"tl1/{device}/put/{n + 1}/room1", BODY, qos=1) for n in range(MESSAGES // DEVICES)
        ]
        for info in infos:
            info.wait_for_publish(60)
        client.disconnect()
        client.loop_stop()


def _timed(subject: str, broker: RunningBroker, data: Path) -> float:
    given = json.dumps(
        {"host": broker.host, "port": broker.port, "password": broker.service_password, "data": str(data)}
    )
    ran = subprocess.run(
        [sys.executable, "-m", "bench.ingest", subject, given], capture_output=True, text=True, check=True
    )
    return MESSAGES / float(ran.stdout.strip().splitlines()[-1])


def _null(given: dict[str, str]) -> float:
    """A stock paho subscriber that does nothing; seconds from the first message to the last."""
    times: list[float] = []
    done = threading.Event()
    count = 0

    def on_message(_client: mqtt.Client, _data: object, _message: mqtt.MQTTMessage) -> None:
        nonlocal count
        count += 1
        if count in (1, MESSAGES):
            times.append(time.perf_counter())
        if count == MESSAGES:
            done.set()

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="service", clean_session=False)
    client.username_pw_set("service", given["password"])
    client.on_message = on_message
    client.connect(given["host"], int(given["port"]))
    client.loop_start()
    if not done.wait(120):
        raise TimeoutError(f"{count} of {MESSAGES} messages came")
    client.disconnect()
    client.loop_stop()
    return times[1] - times[0]


def _service(given: dict[str, str]) -> float:
    """The whole service; seconds from the first packet to the commit of the last message."""
    service = Service(
        load(
            overrides={
                "service.data": given["data"],
                "broker.url": f"mqtt://{given['host']}:{given['port']}",
                "broker.password": given["password"],
            }
        )
    )
    starting = threading.Thread(target=service.start)
    starting.start()
    deadline = time.monotonic() + 120
    begin = None
    while service.engine is None or service.engine.tally["stored"] < MESSAGES:
        if begin is None and service.link is not None and service.link.received:
            begin = time.perf_counter()
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all of {MESSAGES} messages came")
        time.sleep(0.001)
    end = time.perf_counter()
    starting.join()
    service.stop()
    return end - (begin or end)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print({"null": _null, "service": _service}[sys.argv[1]](json.loads(sys.argv[2])))
    else:
        show("Ingest through Mosquitto: QoS 1, 100 bytes, fsync, receipts", run())
