"""The bound of a case: bodies after what is held, columns, have-set."""

from __future__ import annotations

import random
import string

import pyppmd
import pytest

from tidelog_cli.bytes_bench.bound import body_bytes, bound_bytes, joined, ppmd_bytes
from tidelog_cli.bytes_bench.corpus import Row
from tidelog_cli.bytes_bench.entropy import choose_bits
from tidelog_cli.bytes_bench.scenarios import Case


def row(seq: int, body: bytes, time: int = 0) -> Row:
    return Row("log", seq, "me", time, 0, body)


def test_bodies_are_joined_by_newlines() -> None:
    assert joined([row(1, b"one"), row(2, b"two")]) == b"one\ntwo\n"


def test_an_unprimed_text_is_the_length_of_a_whole_stream_less_the_coders_own() -> None:
    encoder = pyppmd.Ppmd7Encoder(6, 64 << 20)
    stream = encoder.encode(b"hello\n") + encoder.flush()
    assert body_bytes([], [row(1, b"hello")]) == len(stream) - 4


def test_what_is_held_already_costs_next_to_nothing() -> None:
    body = "".join(random.Random(1).choices(string.ascii_letters, k=300)).encode()
    assert body_bytes([], [row(1, body)]) > 200
    assert body_bytes([row(1, body)], [row(2, body)]) < 20


def test_a_context_in_slices_costs_what_it_costs_whole() -> None:
    chance = random.Random(2)
    context = b" ".join(bytes(chance.choices(b"abcdef", k=5)) for _ in range(3000))
    encoder = pyppmd.Ppmd7Encoder(6, 64 << 20)
    encoder.encode(context)
    assert ppmd_bytes(context, b"abcdef") == len(encoder.encode(b"abcdef") + encoder.flush())


def test_nothing_missing_takes_nothing() -> None:
    log = (row(1, b"one"),)
    assert bound_bytes(Case(log=log, held=log, missing=())) == 0


def test_the_bound_is_the_sum_of_its_parts() -> None:
    # The columns' bits are a mean over the whole log, for each record that is missing.
    steps = [1, 2, 1, 2, 1, 1, 2]
    times = [sum(steps[:n]) for n in range(len(steps) + 1)]
    log = tuple(row(n + 1, f"message {n}".encode(), time) for n, time in enumerate(times))
    # After 1: 2, 2, 1, 2; after 2: always 1. 3 log2(4/3) + log2 4 over six pairs, and no bits for authors.
    bits = (3 * 0.41503749927884376 + 2) / 6
    case = Case(log=log, held=log[:5], missing=log[5:], have_set_bits=choose_bits(8, 3))
    bodies = body_bytes(log[:5], log[5:])
    assert bound_bytes(case) == pytest.approx(bodies + (3 * bits + choose_bits(8, 3)) / 8)
