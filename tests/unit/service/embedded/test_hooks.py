"""What the embedded broker takes from inside amqtt is still there, with the parameters it had in 0.12.1.

A failure here after an update of amqtt names what to look at again in `link.py`, `switch.py` and `door.py`.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import pytest
from amqtt.broker import Broker
from amqtt.contexts import Action, BrokerConfig, ListenerConfig, ListenerType
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.mqtt.publish import PublishPacket
from amqtt.plugins.base import BaseTopicPlugin
from amqtt.session import Session

from tidelog_service.embedded.link import Link
from tidelog_service.embedded.rules import Rules
from tidelog_service.embedded.switch import Limits, Switch

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = Limits(packet_bytes_max=1000, connections_max=10, session_queue_max=10, session_bytes_max=10_000)


class Nobody:
    """Admits nobody."""

    def admits(self, device: str, secret: str) -> bool:
        del device, secret
        return False


@pytest.mark.parametrize(
    ("hook", "parameters"),
    [
        (Broker.start, "self"),
        (Broker.shutdown, "self"),
        (Broker.add_subscription, "self subscription session"),
        (Broker._del_subscription, "self a_filter session"),
        (Broker.retain_message, "self source_session topic_name data qos"),
        (Broker._broadcast_message, "self session topic data force_qos"),
        (Broker._handle_disconnect, "self client_session handler disconnect_waiter"),
        (BrokerProtocolHandler.attach, "self session reader writer"),
        (BrokerProtocolHandler.stop, "self"),
        (BrokerProtocolHandler._send_packet, "self packet"),
        (BrokerProtocolHandler.handle_pingreq, "self pingreq"),
        (BrokerProtocolHandler.init_from_connect, "reader writer plugins_manager loop"),
        (BrokerProtocolHandler.mqtt_connack_authorize, "self authorize"),
        (BrokerProtocolHandler.mqtt_acknowledge_subscription, "self packet_id return_codes"),
        (BrokerProtocolHandler.mqtt_acknowledge_unsubscription, "self packet_id"),
        (PublishPacket.build, "topic_name message packet_id dup_flag qos retain"),
        (BaseTopicPlugin.topic_filtering, "self session topic action"),
    ],
)
def test_the_hook_has_the_parameters_we_rely_on(hook: Callable[..., object], parameters: str) -> None:
    assert list(inspect.signature(hook).parameters) == parameters.split()


def test_a_session_has_the_fields_we_rely_on() -> None:
    fields = vars(Session())
    names = "client_id username password clean_session keep_alive parent attributes transitions"
    wills = "will_flag will_retain will_qos will_topic will_message"
    assert set(f"{names} {wills}".split()) <= set(fields)


def test_a_session_goes_from_new_to_connected_to_disconnected_and_back() -> None:
    transitions = Session().transitions
    states = [transitions.state]
    for step in (transitions.connect, transitions.disconnect, transitions.connect):
        step()
        states.append(transitions.state)
    assert states == ["new", "connected", "disconnected", "connected"]


def in_a_switch(story: Callable[[Switch], object]) -> None:
    async def run() -> None:
        switch = Switch(Rules(authority=Nobody(), service_password="x"), LIMITS)
        await switch.start()
        try:
            result = story(switch)
            if inspect.isawaitable(result):
                await result
        finally:
            await switch.shutdown()

    asyncio.run(run())


def test_an_external_listener_opens_no_socket() -> None:
    def story(switch: Switch) -> None:
        assert [server.instance for server in switch._servers.values()] == [None]

    in_a_switch(story)


def test_none_of_amqtts_default_plugins_is_loaded() -> None:
    def story(switch: Switch) -> None:
        assert [type(each).__name__ for each in switch.plugins_manager.plugins] == ["DeviceTopics"]

    in_a_switch(story)


def test_amqtt_asks_our_plugin_before_it_adds_a_subscription() -> None:
    async def story(switch: Switch) -> None:
        session = Session()
        session.client_id = "phone"
        answers = [
            await switch.add_subscription((topic_filter, 1), session)
            for topic_filter in ("tl1/phone/re", "tl1/service/status", "tl1/tab/re", "#", "tl1/+/re", "tl1/#")
        ]
        assert answers == [1, 1, 0x80, 0x80, 0x80, 0x80]
        assert set(switch.subscriptions) == {"tl1/phone/re", "tl1/service/status"}

    in_a_switch(story)


@pytest.mark.parametrize(("retain", "kept"), [(True, [b"gone"]), (False, [])])
def test_amqtt_publishes_a_will_through_the_methods_we_replace(retain: bool, kept: list[bytes]) -> None:  # noqa: FBT001 - a flag of MQTT
    async def story(switch: Switch) -> None:
        routed = []

        async def spread(*arguments: object) -> None:
            routed.append(arguments)
            await asyncio.sleep(0)

        switch._broadcast_message = spread  # type: ignore[method-assign]  # noted, not routed
        session = Session()
        session.client_id = "phone"
        session.will_flag, session.will_retain, session.will_qos = True, retain, 1
        session.will_topic, session.will_message = "tl1/phone/status", b"gone"
        session.transitions.connect()
        leaving = asyncio.get_running_loop().create_future()
        leaving.set_result(None)
        await switch._handle_disconnect(session, Link(switch.plugins_manager), leaving)
        assert routed == [(session, "tl1/phone/status", b"gone", 1)]
        assert [each.data for each in switch.retained_messages.values()] == kept
        assert session.transitions.state == "disconnected"

    in_a_switch(story)


def test_amqtts_names_that_we_import_exist() -> None:
    assert {each.value for each in Action} == {"subscribe", "publish", "receive"}
    config = BrokerConfig(listeners={"default": ListenerConfig(type=ListenerType.EXTERNAL)}, plugins={})
    assert config.listeners["default"].bind is not None
