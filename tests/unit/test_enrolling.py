"""Channels and members by the public face, without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from stacks import eventually
from tidelog import Denied, Device, Membership, Unavailable, UsageError
from tidelog.replica.ports import Listener
from tidelog.wire import payload
from tidelog.wire.anyframe import Frame
from tidelog.wire.enrolling import Action, Enrol, Role, Roster
from tidelog.wire.errors import Code, TidelogError
from tidelog.wire.frames import Fault
from tidelog.wire.payload import Encoding


class Service:
    """A transport that answers each request by hand, or not at all."""

    def __init__(self) -> None:
        self.asked: list[Enrol] = []
        self.answer: Callable[[Enrol], Frame | None] = lambda _frame: None
        self.online = True
        self._listener: Listener | None = None

    def start(self, listener: Listener) -> None:
        self._listener = listener
        if self.online:
            listener.on_online(session_present=False)

    def publish(self, topic: str, payload_: bytes, *, qos: int, retain: bool = False) -> int:
        del qos, retain
        frame, _ = payload.decode(payload_)
        if isinstance(frame, Enrol):
            assert topic == "tl1/aphone/sync"
            self.asked.append(frame)
            answer = self.answer(frame)
            if answer is not None:
                self.tell(answer)
        return len(payload_)

    def tell(self, frame: Frame) -> None:
        assert self._listener is not None
        self._listener.on_packet("tl1/aphone/re", payload.encode(frame, Encoding.PACKED), 50)

    def refuse(self, error: TidelogError) -> None:
        assert self._listener is not None
        self._listener.on_offline(error)

    def hasten(self) -> None:
        """Nothing to hasten."""

    def stop(self) -> None:
        """Nothing to stop."""


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def phone(service: Service) -> Iterator[Device]:
    with Device("mqtt://x", device="aphone", secret="s", store=":memory:", transport=service) as made:
        yield made


def granted(frame: Enrol) -> Roster:
    role = None if frame.action is Action.LEAVE else Role.OWNER
    return Roster(rid=frame.rid, channel=frame.channel or "dm/ann/bob", epoch=7, role=role)


def test_each_call_is_a_request_and_its_answer(phone: Device, service: Service) -> None:
    service.answer = granted
    owner = Membership(channel="boat", role="owner")
    assert phone.create_channel("boat", members=["bob", "bob"], role="reader", windowed=True) == owner
    assert phone.direct("bob") == Membership(channel="dm/ann/bob", role="owner")
    assert phone.invite("boat", iter(["cem"]), role="owner") == owner
    assert phone.remove("boat", {"cem"}) == owner
    assert phone.leave("boat") == Membership(channel="boat", role=None)
    said = [(frame.action, frame.channel, frame.users, frame.role, frame.windowed) for frame in service.asked]
    assert said == [
        (Action.CREATE, "boat", ("bob",), Role.READER, True),
        (Action.DIRECT, "", ("bob",), Role.WRITER, False),
        (Action.INVITE, "boat", ("cem",), Role.OWNER, False),
        (Action.REMOVE, "boat", ("cem",), Role.WRITER, False),
        (Action.LEAVE, "boat", (), Role.WRITER, False),
    ]
    assert [channel.name for channel in phone.channels()] == ["boat", "dm/ann/bob"]


@pytest.mark.parametrize(
    ("code", "kind", "word"),
    [(Code.DENIED, Denied, "denied"), (Code.CONFLICT, UsageError, "channel_exists")],
)
def test_a_refusal_is_raised(phone: Device, service: Service, code: Code, kind: type, word: str) -> None:
    service.answer = lambda frame: Fault(code=code, rid=frame.rid, text="because")
    with pytest.raises(TidelogError, match="because") as caught:
        phone.create_channel("boat")
    assert (type(caught.value), caught.value.code) == (kind, word)


def test_without_an_answer_in_time_it_is_said_that_it_may_be_done(phone: Device, service: Service) -> None:
    with pytest.raises(Unavailable, match="did not answer") as caught:
        phone.create_channel("boat", timeout=0.05)
    assert caught.value.code == "timeout"
    assert "again" in caught.value.hint
    assert len(service.asked) == 1


def test_without_a_link_it_is_told_why(service: Service) -> None:
    service.online = False
    with Device("mqtt://x", device="aphone", secret="s", store=":memory:", transport=service) as phone:
        with pytest.raises(Unavailable, match="no connection"):
            phone.leave("boat", timeout=0.05)
        service.refuse(Denied("wrong", code="credentials"))
        with pytest.raises(Denied, match="wrong"):
            phone.leave("boat", timeout=5)


def test_closing_ends_the_waiting(phone: Device, service: Service) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(phone.leave, "boat")
        eventually(lambda: service.asked)
        phone.close()
        with pytest.raises(Unavailable) as caught:
            waiting.result(timeout=5)
    assert caught.value.code == "closed"


@pytest.mark.parametrize(
    "call",
    [
        lambda phone: phone.create_channel("a+"),
        lambda phone: phone.create_channel(""),
        lambda phone: phone.create_channel("boat", members=["a/b"]),
        lambda phone: phone.create_channel("boat", members="bob"),
        lambda phone: phone.create_channel("boat", members=[f"u{n}" for n in range(257)]),
        lambda phone: phone.invite("boat", []),
        lambda phone: phone.invite("boat", ["bob"], role="boss"),
        lambda phone: phone.remove("boat", []),
        lambda phone: phone.direct(""),
        lambda phone: phone.leave("$boat"),
    ],
)
def test_what_cannot_be_is_refused_before_it_is_sent(
    phone: Device, service: Service, call: Callable[[Device], Membership]
) -> None:
    with pytest.raises(UsageError):
        call(phone)
    assert service.asked == []


def test_news_go_to_the_application(phone: Device, service: Service) -> None:
    heard: list[Membership] = []
    phone.on_membership(heard.append)
    service.tell(Roster(rid=0, channel="boat", epoch=7, role=Role.WRITER))
    service.tell(Roster(rid=0, channel="boat"))
    eventually(lambda: len(heard) == 2)
    assert heard == [Membership(channel="boat", role="writer"), Membership(channel="boat", role=None)]
