"""The bounded queue of one session."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidelog_service.embedded.outbox import Delivery, Outbox


def message(text: str, *, qos: int = 1) -> Delivery:
    return Delivery(topic="t", payload=text.encode(), qos=qos)


def drained(outbox: Outbox) -> list[Delivery]:
    return list(iter(outbox.take, None))


def test_messages_leave_in_the_order_they_came() -> None:
    outbox = Outbox(messages_max=10, bytes_max=1000)
    for text in "abc":
        assert outbox.offer(message(text, qos=0))
    assert [each.payload for each in drained(outbox)] == [b"a", b"b", b"c"]
    assert len(outbox) == 0


def test_unacknowledged_messages_count_against_the_bound() -> None:
    outbox = Outbox(messages_max=2, bytes_max=1000)
    assert outbox.offer(message("a"))
    assert outbox.offer(message("b"))
    first, second = drained(outbox)
    assert not outbox.offer(message("c"))
    assert outbox.acknowledge(first.packet_id)
    assert outbox.offer(message("c"))
    assert not outbox.offer(message("d"))
    assert second.packet_id != first.packet_id


def test_one_large_message_always_fits_and_then_nothing_does() -> None:
    outbox = Outbox(messages_max=10, bytes_max=10)
    assert outbox.offer(message("x" * 100))
    assert not outbox.offer(message("y"))
    (large,) = drained(outbox)
    outbox.acknowledge(large.packet_id)
    assert outbox.offer(message("y"))


def test_an_acknowledgement_counts_once() -> None:
    outbox = Outbox(messages_max=10, bytes_max=1000)
    outbox.offer(message("a"))
    (sent,) = drained(outbox)
    assert outbox.acknowledge(sent.packet_id)
    assert not outbox.acknowledge(sent.packet_id)
    assert not outbox.acknowledge(999)


def test_after_a_lost_connection_unacknowledged_messages_come_first_and_again() -> None:
    """[MQTT-4.4.0-1] wants the same packet identifiers, [MQTT-3.3.1-1] the DUP flag."""
    outbox = Outbox(messages_max=10, bytes_max=1000)
    for text in "abcd":
        outbox.offer(message(text))
    first, second = outbox.take(), outbox.take()
    assert first is not None
    assert second is not None
    outbox.acknowledge(first.packet_id)
    outbox.suspend()
    again = drained(outbox)
    assert [each.payload for each in again] == [b"b", b"c", b"d"]
    assert [each.again for each in again] == [True, False, False]
    assert again[0].packet_id == second.packet_id
    assert len({each.packet_id for each in again}) == 3


def test_qos_0_does_not_survive_a_lost_connection() -> None:
    outbox = Outbox(messages_max=2, bytes_max=1000)
    outbox.offer(message("a", qos=0))
    outbox.offer(message("b"))
    outbox.suspend()
    assert [each.payload for each in drained(outbox)] == [b"b"]


def test_packet_identifiers_wrap_and_skip_those_in_use() -> None:
    outbox = Outbox(messages_max=10, bytes_max=1000)
    outbox.offer(message("held"))
    (held,) = drained(outbox)
    seen = []
    for _ in range(65_535):
        outbox.offer(message("x"))
        (sent,) = drained(outbox)
        seen.append(sent.packet_id)
        outbox.acknowledge(sent.packet_id)
    assert held.packet_id not in seen
    assert min(seen) >= 1
    assert max(seen) == 65_535


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("offer"), st.integers(0, 1)),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.just("acknowledge"), st.integers(1, 12)),
        st.tuples(st.just("suspend"), st.just(0)),
    ),
    max_size=60,
)


@given(steps=STEPS)
def test_no_sequence_of_steps_loses_a_qos_1_message_or_breaks_the_bound(steps: list[tuple[str, int]]) -> None:
    outbox = Outbox(messages_max=5, bytes_max=1000)
    taken_in: list[bytes] = []
    done: set[bytes] = set()
    sent: dict[int, bytes] = {}
    for count, (step, value) in enumerate(steps):
        if step == "offer" and outbox.offer(message(f"{count}", qos=value)) and value:
            taken_in.append(f"{count}".encode())
        elif step == "take" and (delivery := outbox.take()) and delivery.qos:
            assert delivery.packet_id not in sent
            sent[delivery.packet_id] = delivery.payload
        elif step == "acknowledge" and outbox.acknowledge(value):
            done.add(sent.pop(value))
        elif step == "suspend":
            outbox.suspend()
            sent.clear()
        assert len(outbox) <= 5
    outbox.suspend()
    assert [each.payload for each in drained(outbox)] == [each for each in taken_in if each not in done]
