"""The face of the embedded broker: where it listens, and what it refuses to be told."""

from __future__ import annotations

import logging
import socket
import threading

import pytest

from tidelog.wire.errors import Unavailable, UsageError
from tidelog_service.embedded import EmbeddedBroker
from tidelog_service.embedded.broker import LOG_LEVELS


class Nobody:
    """Admits nobody."""

    def admits(self, device: str, secret: str) -> bool:
        del device, secret
        return False


def broker(*, host: str = "127.0.0.1", port: int = 0, **settings: object) -> EmbeddedBroker:
    merged = {"packet_bytes_max": 1000, **settings}
    return EmbeddedBroker(host=host, port=port, authority=Nobody(), **merged)  # type: ignore[arg-type]  # cases


def test_port_0_is_a_free_port_that_the_broker_tells() -> None:
    with broker() as first, broker() as second:
        assert len({first.port, second.port, 0}) == 3
        with socket.create_connection((first.host, first.port), timeout=5):
            pass


def test_it_listens_on_the_loopback_interface_unless_told_otherwise() -> None:
    assert EmbeddedBroker(authority=Nobody(), packet_bytes_max=1000).host == "127.0.0.1"


def test_a_port_that_is_taken_is_an_error_with_a_hint() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"port {port}") as caught:
            broker(port=port).start()
    assert caught.value.code == "broker_port"
    assert "another port" in caught.value.hint


@pytest.mark.parametrize("host", ["no-such-host.invalid", "", "a..b", "x" * 300])
def test_a_host_that_cannot_be_resolved_is_an_error_with_a_hint(host: str) -> None:
    with pytest.raises(Unavailable) as caught:
        broker(host=host).start()
    assert caught.value.code == "broker_host"
    assert "127.0.0.1" in caught.value.hint


def test_an_address_of_another_machine_is_an_error_with_a_hint() -> None:
    with pytest.raises(Unavailable) as caught:
        broker(host="192.0.2.1").start()
    assert caught.value.code == "broker_port"


@pytest.mark.parametrize(
    "settings",
    [
        {"port": -1},
        {"port": 65_536},
        {"packet_bytes_max": 0},
        {"connections_max": 0},
        {"session_queue_max": 0},
        {"extra_publish": ("sensors/#/x",)},
        {"extra_publish": ("",)},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        broker(**settings)
    assert caught.value.hint


def test_each_broker_has_a_service_password_of_its_own() -> None:
    first, second = broker(), broker()
    assert first.service_password != second.service_password
    assert len(first.service_password) >= 32


def test_start_and_stop_may_be_repeated_and_leave_nothing() -> None:
    one = broker()
    one.stop()
    one.disconnect("phone")
    for _ in range(2):
        one.start()
        one.start()
        port = one.port
        one.stop()
        one.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
    one.disconnect("phone")
    assert one.port == 0
    assert "tidelog-broker" not in {each.name for each in threading.enumerate()}


def test_a_failed_start_may_be_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        one = broker(port=taken.getsockname()[1])
        with pytest.raises(Unavailable):
            one.start()
    with one:
        assert one.port


def test_amqtts_loggers_are_quiet_unless_someone_wants_them_loud(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LOG_LEVELS:
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)
    logging.getLogger("transitions").setLevel(logging.INFO)
    with broker():
        assert logging.getLogger("amqtt").level == logging.ERROR
        assert logging.getLogger("transitions").level == logging.INFO
