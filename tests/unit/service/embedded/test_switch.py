"""Routing between sessions, without a socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from amqtt.mqtt.publish import PublishPacket
from amqtt.session import Session

from tidelog_service.embedded.rules import Rules
from tidelog_service.embedded.switch import Limits, Switch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tidelog_service.embedded.mailbox import Mailbox

LIMITS = Limits(packet_bytes_max=1000, connections_max=10, session_queue_max=3, session_bytes_max=10_000)


class Everybody:
    """Admits everybody."""

    def admits(self, device: str, secret: str) -> bool:
        del device, secret
        return True


def in_a_switch(story: Callable[[Switch], Awaitable[None]]) -> None:
    async def run() -> None:
        switch = Switch(Rules(authority=Everybody(), service_password="x"), LIMITS)
        await switch.start()
        await story(switch)
        await switch.shutdown()

    asyncio.run(run())


def online(switch: Switch, name: str, *, clean: bool = True) -> Session:
    fresh = Session()
    fresh.client_id, fresh.clean_session = name, clean
    session = switch.resume(fresh)
    switch.sessions[name] = (session, None)  # type: ignore[assignment]  # no socket, so no handler
    session.transitions.connect()
    return session


def mailbox(session: Session) -> Mailbox:
    found: Mailbox = session.attributes["tidelog.mailbox"]
    return found


def waiting(session: Session) -> list[tuple[str, bytes, int]]:
    deliveries = iter(mailbox(session).take, None)
    return [(each.topic, each.payload, each.qos) for each in deliveries]


async def publish(
    switch: Switch, session: Session, topic: str, *, qos: int = 1, retain: bool = False
) -> None:
    await switch.take_in(session, PublishPacket.build(topic, b"x", 1, False, qos, retain))


def test_a_foreign_subscription_that_slipped_in_delivers_nothing() -> None:
    """The second guard: amqtt's registry of subscriptions is not believed."""

    async def story(switch: Switch) -> None:
        phone, service = online(switch, "phone"), online(switch, "service")
        for topic_filter in ("tl1/tab/re", "#", "tl1/+/msg", "tl1/phone/re"):
            switch.subscriptions[topic_filter] = [(phone, 1)]
        switch._wildcards.update({"#", "tl1/+/msg"})
        for topic in ("tl1/tab/re", "tl1/tab/msg", "elsewhere", "tl1/phone/re"):
            await publish(switch, service, topic)
        assert waiting(phone) == [("tl1/phone/re", b"x", 1)]

    in_a_switch(story)


def test_a_foreign_retained_message_is_not_recalled() -> None:
    async def story(switch: Switch) -> None:
        phone, tab = online(switch, "phone"), online(switch, "tab")
        await publish(switch, tab, "tl1/tab/status", retain=True)
        await switch.recall(phone, [("#", 1), ("tl1/tab/status", 1)], [1, 1])
        assert waiting(phone) == []

    in_a_switch(story)


def test_a_refused_filter_recalls_nothing() -> None:
    async def story(switch: Switch) -> None:
        service = online(switch, "service")
        await publish(switch, service, "tl1/service/status", retain=True)
        await switch.recall(service, [("tl1/service/status", 1)], [0x80])
        assert waiting(service) == []

    in_a_switch(story)


def test_subscriptions_leave_nothing_behind() -> None:
    async def story(switch: Switch) -> None:
        service = online(switch, "service")
        filters = ["tl1/+/msg", "tl1/+/msg/#", "tl1/service/status"]
        assert await switch.subscribe(service, [(each, 1) for each in filters]) == [1, 1, 1]
        switch.unsubscribe(service, [*filters[:2], "never/there"])
        assert set(switch.subscriptions) == {"tl1/service/status"}
        switch.forget("service")
        switch.forget("service")
        assert (switch.subscriptions, switch._wildcards, switch.sessions) == ({}, set(), {})

    in_a_switch(story)


def test_another_sessions_subscription_to_the_same_filter_stays() -> None:
    async def story(switch: Switch) -> None:
        service, phone = online(switch, "service"), online(switch, "phone")
        for session in (service, phone):
            await switch.subscribe(session, [("tl1/service/status", 1)])
        switch.forget("service")
        other = online(switch, "service")
        await publish(switch, other, "tl1/service/status")
        assert waiting(phone) == [("tl1/service/status", b"x", 1)]

    in_a_switch(story)


@pytest.mark.parametrize(("clean", "qos", "stored"), [(True, 1, 0), (False, 0, 0), (False, 1, 1)])
def test_only_persistent_sessions_store_and_only_qos_1(clean: bool, qos: int, stored: int) -> None:  # noqa: FBT001 - a flag of MQTT
    async def story(switch: Switch) -> None:
        service, phone = online(switch, "service"), online(switch, "phone", clean=clean)
        await switch.subscribe(phone, [("tl1/phone/re", 1)])
        phone.transitions.disconnect()
        await publish(switch, service, "tl1/phone/re", qos=qos)
        assert len(waiting(phone)) == stored
        assert switch.dropped == 0

    in_a_switch(story)


def test_a_resumed_session_takes_the_new_will_and_keeps_its_mail() -> None:
    async def story(switch: Switch) -> None:
        service, phone = online(switch, "service"), online(switch, "phone", clean=False)
        await switch.subscribe(phone, [("tl1/phone/re", 1)])
        phone.transitions.disconnect()
        await publish(switch, service, "tl1/phone/re")
        fresh = Session()
        fresh.client_id, fresh.clean_session, fresh.keep_alive, fresh.password = "phone", False, 7, "secret"
        fresh.will_flag, fresh.will_retain, fresh.will_qos = True, True, 1
        fresh.will_topic, fresh.will_message = "tl1/phone/status", b"gone"
        assert switch.resume(fresh) is phone
        assert (phone.parent, phone.keep_alive, phone.will_retain, phone.will_message) == (
            1,
            7,
            True,
            b"gone",
        )
        assert len(waiting(phone)) == 1
        assert fresh.password is None

    in_a_switch(story)


def test_a_full_mailbox_drops_and_counts() -> None:
    async def story(switch: Switch) -> None:
        service, phone = online(switch, "service"), online(switch, "phone")
        await switch.subscribe(phone, [("tl1/phone/re", 1)])
        for _ in range(5):
            await publish(switch, service, "tl1/phone/re")
        assert len(waiting(phone)) == 3
        assert switch.dropped == 2

    in_a_switch(story)
