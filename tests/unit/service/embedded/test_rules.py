"""Who is let in."""

from __future__ import annotations

import pytest

from tidelog_service.embedded.rules import Claim, Refusal, Rules


class Known:
    """Knows one device, and who asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def admits(self, device: str, secret: str) -> bool:
        self.asked.append(device)
        return (device, secret) == ("phone", "right")


def claim(
    client_id: str = "phone",
    user: str | None = "phone",
    secret: str | None = "right",  # noqa: S107 - of a device that there is not
    will_topic: str | None = None,
) -> Claim:
    return Claim(client_id=client_id, user=user, secret=secret, will_topic=will_topic)


@pytest.fixture
def rules() -> Rules:
    return Rules(authority=Known(), service_password="hidden", extra_publish=("sensors/+",))


@pytest.mark.parametrize(
    ("claimed", "refusal"),
    [
        (claim(), None),
        (claim(secret="wrong"), Refusal.CREDENTIALS),
        (claim(client_id="tab", user="tab"), Refusal.CREDENTIALS),
        (claim(user=None, secret=None), Refusal.NOT_ALLOWED),
        (claim(secret=None), Refusal.NOT_ALLOWED),
        (claim(client_id="other"), Refusal.IDENTIFIER),
        (claim(client_id=""), Refusal.IDENTIFIER),
        (claim(client_id="+", user="+"), Refusal.IDENTIFIER),
        (claim(client_id="a/b", user="a/b"), Refusal.IDENTIFIER),
        (claim(will_topic="tl1/phone/status"), None),
        (claim(will_topic="tl1/phone/msg"), None),
        (claim(will_topic="sensors/a"), None),
        (claim(will_topic="tl1/tab/re"), Refusal.NOT_ALLOWED),
        (claim(will_topic="tl1/service/status"), Refusal.NOT_ALLOWED),
        (claim(will_topic=""), Refusal.NOT_ALLOWED),
        (claim(client_id="service", user="service", secret="hidden"), None),
        (claim(client_id="service", user="service", secret="right"), Refusal.CREDENTIALS),
        (claim(client_id="phone", user="service", secret="hidden"), Refusal.IDENTIFIER),
        (claim(client_id="service", user="phone"), Refusal.IDENTIFIER),
    ],
)
def test_only_a_known_device_under_its_own_name_is_let_in(
    rules: Rules, claimed: Claim, refusal: Refusal | None
) -> None:
    assert rules.refusal(claimed) == refusal


def test_the_authority_is_not_asked_about_the_service_or_what_is_no_device() -> None:
    authority = Known()
    rules = Rules(authority=authority, service_password="hidden")
    for name in ("service", "a/b", "+", "", "x" * 24):
        rules.refusal(claim(client_id=name, user=name))
    assert authority.asked == []


def test_the_service_may_do_what_is_well_formed(rules: Rules) -> None:
    assert rules.may_publish("service", "tl1/phone/re")
    assert not rules.may_publish("service", "tl1/+/re")
    assert rules.may_subscribe("service", "tl1/+/msg/#")
    assert not rules.may_subscribe("service", "tl1/#/msg")
    assert rules.may_receive("service", "tl1/phone/msg")


def test_a_device_is_held_to_the_acl(rules: Rules) -> None:
    assert rules.may_publish("phone", "tl1/phone/msg")
    assert rules.may_publish("phone", "sensors/a")
    assert not rules.may_publish("phone", "tl1/tab/msg")
    assert not rules.may_subscribe("phone", "#")
    assert not rules.may_receive("phone", "tl1/tab/re")
