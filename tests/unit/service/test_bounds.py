"""What the configuration allows, in the engine's own terms."""

from __future__ import annotations

from tidelog_service.bounds import bounds_of, keeping_of, policy_of, processes_of
from tidelog_service.config import Settings
from tidelog_service.config_sections import PROCESSES_AUTO_MAX
from tidelog_service.engine.retention import Policy as Keeping


def test_seconds_and_kib_become_milliseconds_and_bytes() -> None:
    settings = Settings.model_validate({"live": {"lease_s": 120}, "codec": {"context_kib_max": 32}})
    bounds = bounds_of(settings)
    assert (bounds.lease_ms, bounds.context_bytes_max) == (120_000, 32_768)


def test_a_log_is_kept_as_the_configuration_says() -> None:
    settings = Settings.model_validate({"retention": {"keep_days": 3, "keep_records": 5, "keep_bytes": 7}})
    assert keeping_of(settings) == Keeping(days=3, records=5, body_bytes=7)


def test_devices_may_do_to_channels_what_the_configuration_says() -> None:
    policy = policy_of(Settings.model_validate({"channels": {"per_user_max": 4, "members_max": 9}}))
    assert (policy.channels_max, policy.members_max) == (4, 9)


def test_a_number_of_processes_is_taken_and_else_there_are_a_few() -> None:
    assert processes_of(Settings.model_validate({"codec": {"processes": 3}})) == 3
    assert 1 <= processes_of(Settings()) <= PROCESSES_AUTO_MAX
