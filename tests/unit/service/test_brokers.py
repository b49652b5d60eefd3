"""The broker as the configuration names it."""

from __future__ import annotations

import pytest

from tidelog.wire.errors import UsageError
from tidelog.wire.topics import SERVICE
from tidelog_service.brokers import address_of
from tidelog_service.config import Settings


def of(**broker: str) -> Settings:
    return Settings.model_validate({"broker": broker})


def test_another_broker_is_connected_to_as_the_configuration_says() -> None:
    address = address_of(of(url="mqtt://sea:1884", username="tide", password="secret"), None)
    assert (address.url.host, address.url.port) == ("sea", 1_884)
    assert (address.username, address.password) == ("tide", "secret")


def test_the_user_is_the_service_where_none_is_named() -> None:
    assert address_of(of(url="mqtt://sea"), None).username == SERVICE


@pytest.mark.parametrize("secure", [False, True])
def test_a_connection_is_checked_where_the_url_asks_for_it(*, secure: bool) -> None:
    address = address_of(of(url=f"mqtt{'s' * secure}://sea"), None)
    assert (address.tls() is not None) == secure


def test_a_url_that_is_none_is_refused() -> None:
    settings = of()
    with pytest.raises(UsageError):
        address_of(settings, None)
