"""Limits fit each other; that SPEC.md tells them all is tested with it."""

from __future__ import annotations

from tidelog.wire import limits, varint


def test_pages_fit_packets_with_room_for_one_more_body_header() -> None:
    assert limits.PAGE_BYTES_MIN < limits.PAGE_BYTES_DEFAULT < limits.PAGE_BYTES_MAX
    assert limits.PAGE_BYTES_MAX + 4_096 <= limits.PACKET_BYTES_MAX
    assert limits.BODY_BYTES_MAX < limits.PAGE_BYTES_MAX


def test_every_number_fits_a_varint() -> None:
    largest = max(limits.SEQ_STOP, limits.TIME_MS_STOP, limits.MESSAGE_NUMBER_STOP, limits.BODY_SIZE_STOP)
    assert len(varint.encode([varint.zigzag(1 - largest)])) <= limits.VARINT_BYTES_MAX
    assert len(varint.encode([2 * (limits.SEQ_STOP - 1)])) <= limits.VARINT_BYTES_MAX


def test_json_digits_hold_every_number() -> None:
    assert len(str(limits.SEQ_STOP)) <= limits.JSON_DIGITS_MAX


def test_a_packet_cannot_hold_more_runs_than_allowed_by_much() -> None:
    assert 2 * limits.RUNS_MAX <= limits.PACKET_BYTES_MAX


def test_the_largest_counts_stay_within_the_items_of_a_frame() -> None:
    assert 5 * limits.STATEMENTS_MAX < limits.ITEMS_MAX
    assert 2 * limits.BATCH_MESSAGES_MAX < limits.ITEMS_MAX
