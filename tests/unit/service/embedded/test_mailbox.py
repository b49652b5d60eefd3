"""Waiting at both ends of an outbox."""

from __future__ import annotations

import asyncio

from tidelog_service.embedded.mailbox import Mailbox
from tidelog_service.embedded.outbox import Delivery, Outbox

LONG = 60.0


def message(text: str, *, qos: int = 1) -> Delivery:
    return Delivery(topic="t", payload=text.encode(), qos=qos)


def mailbox() -> Mailbox:
    return Mailbox(Outbox(messages_max=1, bytes_max=1000))


async def turn() -> None:
    """Let every other task run as far as it gets."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_who_waits_for_a_message_is_woken() -> None:
    async def story() -> None:
        box = mailbox()
        waiting = asyncio.create_task(box.wait())
        await turn()
        assert not waiting.done()
        assert await box.put(message("a"))
        await waiting
        taken = box.take()
        assert taken is not None
        assert taken.payload == b"a"

    asyncio.run(story())


def test_without_patience_a_full_mailbox_takes_nothing() -> None:
    async def story() -> None:
        box = mailbox()
        assert await box.put(message("a"))
        assert not await box.put(message("b"))
        assert [each.payload for each in iter(box.take, None)] == [b"a"]

    asyncio.run(story())


def test_with_patience_a_message_waits_for_an_acknowledgement() -> None:
    async def story() -> None:
        box = mailbox()
        await box.put(message("a"))
        putting = asyncio.create_task(box.put(message("b"), patience_seconds=LONG))
        sent = box.take()
        assert sent is not None
        await turn()
        assert not putting.done()
        assert box.acknowledge(sent.packet_id)
        assert await putting

    asyncio.run(story())


def test_with_patience_a_message_waits_until_a_qos_0_message_was_sent() -> None:
    async def story() -> None:
        box = mailbox()
        await box.put(message("a", qos=0))
        putting = asyncio.create_task(box.put(message("b"), patience_seconds=LONG))
        await turn()
        assert not putting.done()
        box.take()
        assert await putting

    asyncio.run(story())


def test_patience_ends() -> None:
    async def story() -> None:
        box = mailbox()
        await box.put(message("a"))
        assert not await box.put(message("b"), patience_seconds=1e-9)

    asyncio.run(story())


def test_a_session_that_ends_sends_the_waiting_away() -> None:
    """Taken into a dead mailbox, the message would be acknowledged and lost."""

    async def story() -> None:
        box = mailbox()
        await box.put(message("a"))
        putting = asyncio.create_task(box.put(message("b"), patience_seconds=LONG))
        await turn()
        box.close()
        assert not await putting
        assert not await box.put(message("c"))
        assert box.take() is None

    asyncio.run(story())
