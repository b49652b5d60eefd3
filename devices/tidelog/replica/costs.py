"""What a sync took beside what others would have taken for the same."""

from __future__ import annotations

from collections.abc import Iterable

from tidelog.replica.ports import Weight
from tidelog.replica.steps import SyncReport
from tidelog.wire.mqttsize import plain_bytes_by_mean
from tidelog.wire.topics import reply_topic


def bytes_full(report: SyncReport, *, device: str, held: Iterable[Weight]) -> int:
    """What everything held would take as one PUBLISH each: for whoever cannot say what it has.

    Exact where all of it is new. Else no record is read for it, and each channel's bodies are taken to be of
    one length, which is at most 2 bytes a record off (`tidelog.wire.mqttsize.plain_bytes_by_mean`) and never
    less than what the new ones alone would have taken.

    Args:
        report: of the sync.
        device: the device's id.
        held: what the store holds of each channel in scope, after the sync.

    Returns:
        MQTT bytes, both ways.
    """
    weights = tuple(held)
    if sum(weight.records for weight in weights) == report.records:
        return report.bytes_plain
    topic = reply_topic(device)
    again = sum(
        plain_bytes_by_mean(topic, records=weight.records, body_bytes=weight.body_bytes) for weight in weights
    )
    return max(report.bytes_plain, again)
