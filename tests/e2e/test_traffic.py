"""The service's account of a device against the device's own socket, byte for byte, on both brokers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import paho.mqtt.client as mqtt
import pytest

from mqtt_packets import PUBACK, PUBLISH, PacketTap
from proxy import CountingProxy
from stacks import Stack, eventually, held, settled
from tidelog_cli.traffic import total
from tidelog_service.engine.accounts import Account
from tidelog_service.engine.packets import Kind
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.database import open_database
from tidelog_service.store.traffic import TrafficBook


class Tapped:
    """A way to the broker of a stack whose packets are counted."""

    def __init__(self, stack: Stack, proxy: CountingProxy, tap: PacketTap) -> None:
        self.stack = stack
        self.proxy = proxy
        self.tap = tap
        self.url = f"mqtt://{proxy.host}:{proxy.port}"

    def settle(self) -> None:
        """Wait until what is on its way has passed, to the device and to the service."""
        assert self.stack.service is not None
        service = self.stack.service.link
        assert service is not None
        settled(lambda: self.proxy.bytes_up + self.proxy.bytes_down + service.received)

    @property
    def published(self) -> tuple[int, int]:
        """PUBLISH and its acknowledgements, up and down."""
        up, down = self.tap.bytes_up, self.tap.bytes_down
        return up[PUBLISH] + up[PUBACK], down[PUBLISH] + down[PUBACK]


@contextmanager
def tapped(stack: Stack) -> Iterator[Tapped]:
    tap = PacketTap()
    with CountingProxy(stack.port_of_broker, tap=tap) as proxy:
        yield Tapped(stack, proxy, tap)


def accounts(stack: Stack, device: str) -> dict[Kind, Account]:
    """What the service has written down, read beside it or after its end."""
    with closing(open_database(DataFolder(stack.folder).database)) as database:
        return TrafficBook(database).sums(0).get(device, {})


def told(kinds: dict[Kind, Account]) -> tuple[int, int]:
    everything = total(kinds.values())
    return everything.bytes_up, everything.bytes_down


def test_a_devices_account_is_what_passed_on_its_socket(stack: Stack) -> None:
    """Messages and receipts, live pushes, pages, statuses at the beginning and the end."""
    stack.start()
    with tapped(stack) as link:
        with stack.device("aphone") as phone, stack.device("bphone", url=link.url, page_bytes=600) as other:
            other.sync()
            for n in range(30):
                phone.send("room1", f"message {n} " * (1 + n % 7))
                other.send("room1", "x" * (40 * n))
            eventually(lambda: len(held(other, "room1")) == len(held(phone, "room1")) == 60)
            other.drop("room1", [(5, 50)])
            report = other.sync()
            assert (report.records, report.rounds > 1) == (45, True)
            link.settle()
        link.settle()
        stack.stop()
        kinds = accounts(stack, "bphone")
        assert told(kinds) == link.published
    assert set(kinds) == set(Kind) - {Kind.FAULTS}
    assert kinds[Kind.STATUS].packets == 2
    assert kinds[Kind.MESSAGES].bytes_down == 4 * kinds[Kind.MESSAGES].packets


def test_a_report_and_the_account_tell_the_same(stack: Stack) -> None:
    """Bytes, and what the records would have taken plain: one rule on both sides."""
    stack.start()
    with stack.device("aphone") as phone, stack.device("bphone", live=False) as other:
        for n in range(20):
            phone.send("room1", "x" * (10 * n))
        eventually(lambda: not phone.outbox())
        report = other.sync()
    stack.stop()
    kinds = accounts(stack, "bphone")
    assert kinds[Kind.REQUESTS].bytes_up == report.bytes_up
    assert kinds[Kind.ANSWERS].bytes_down == report.bytes_down
    assert kinds[Kind.ANSWERS].bytes_plain == report.bytes_plain == report.bytes_full


@pytest.mark.parametrize("qos", [0, 1])
def test_a_scripts_account_is_what_passed_on_its_socket(stack: Stack, qos: int) -> None:
    """Plain bodies and JSON, messages at either QoS, with an answer, a push, receipts and faults."""
    stack.start()
    with tapped(stack) as link:
        with script(stack, link, "bphone") as client:
            for topic, payload in (
                ("sync", b'{"type":"sync","id":7,"live":true}'),
                ("sync", b'{"type":"nonsense"}'),
                ("msg/room1", b"no number"),
                ("put/1/room1", b"with a number"),
                ("msg", b'{"type":"message","channel":"nowhere","text":"x"}'),
            ):
                # The broker hands requests to the service at QoS 0: only there can it tell what they took.
                at = 0 if topic == "sync" else qos
                client.publish(f"tl1/bphone/{topic}", payload, qos=at).wait_for_publish(10)
            with stack.device("aphone") as phone:
                phone.send("room1", "live").result(timeout=10)
                link.settle()
        stack.stop()
        kinds = accounts(stack, "bphone")
        assert told(kinds) == link.published
    assert set(kinds) == set(Kind) - {Kind.STATUS}


@contextmanager
def script(stack: Stack, link: Tapped, device: str) -> Iterator[mqtt.Client]:
    """Any MQTT client, subscribed to its reply topic as the protocol asks for."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=device)
    client.username_pw_set(device, stack.secrets[device])
    ready: list[object] = []
    client.on_subscribe = lambda *arguments: ready.append(arguments)
    client.connect(link.proxy.host, link.proxy.port)
    client.loop_start()
    client.subscribe(f"tl1/{device}/re")
    eventually(lambda: ready)
    yield client
    client.disconnect()
    client.loop_stop()


def test_accounts_grow_over_restarts_and_are_told_by_the_command_beside_the_service(stack: Stack) -> None:
    for _ in range(2):
        stack.start()
        with stack.device("aphone") as phone:
            phone.send("room1", "hello").result(timeout=10)
        stack.stop()
    stack.start()
    kinds = accounts(stack, "aphone")
    assert (kinds[Kind.MESSAGES].packets, kinds[Kind.RECEIPTS].packets) == (2, 2)
