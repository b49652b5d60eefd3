"""What compressing an answer costs: the newest 20 records of a log missing, 64 KiB of context.

Through a process beside the service it must not take much longer than in the service itself, or nothing
would be won by it. The other rows have no goal: what PPMd takes against deflate; what is left of it where an
encoder was primed ahead, for once, as encoders cannot be copied; and what is left where a process is primed
ahead and forked for each answer (which takes longer here than from a process that has nothing else in it).

Run ``python -m bench.press``. It needs corpora, as `bench.syncs` does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pyppmd

from bench.report import Result, interleaved, show
from tidelog.codec import bodies
from tidelog.codec.deflate import Deflate
from tidelog.codec.ppmd import ORDER, Ppmd, memory_bytes
from tidelog.codec.press import PressJob, press
from tidelog_cli.bytes_bench.corpus import found_corpora, read_corpus
from tidelog_service.presses import Presses

GOAL: Final = 1.5
"""Times the time in the service's own process, at most, for the way through another; 1.1 where it is idle."""

MISSING: Final = 20
"""Records that a device lacks."""

_CONTEXT_BYTES: Final = 64 << 10
_ROOM_BYTES: Final = 16_000
_RECORDS: Final = 10_000
_READY_SECONDS: Final = 30.0
_ROUNDS: Final = 60
_SLICE_BYTES: Final = 4_096


def run() -> list[Result]:
    """Measure on every corpus."""
    results: list[Result] = []
    presses = Presses(1)
    presses.start()
    try:
        if not presses.wait_ready(_READY_SECONDS):
            raise RuntimeError("no process is ready")
        for path in found_corpora([]):
            corpus = read_corpus(path)
            listed = [line.body for line in corpus.lines[:_RECORDS]]
            results += _results(corpus.name, _job(listed), presses)
    finally:
        presses.close()
    return results


def _job(listed: Sequence[bytes]) -> PressJob:
    context = bodies.joined(listed[:-MISSING])[-_CONTEXT_BYTES:]
    return PressJob(Ppmd.id, ORDER, context, tuple(listed[-MISSING:]), _ROOM_BYTES, first_always=True)


def _results(name: str, job: PressJob, presses: Presses) -> Iterator[Result]:
    text = bodies.joined(job.bodies)
    ahead = iter([_primed(job) for _ in range(_ROUNDS + 1)])
    once = _primed(job)
    works: dict[str, Callable[[], object]] = {
        "in the service's process": lambda: press(job),
        "through a process beside it": lambda: presses.press([job]),
        "deflate, 32 KiB": lambda: press(job._replace(codec=Deflate.id)),
        "primed ahead, used once": lambda: _finished(next(ahead), text),
        "forked from a primed process": lambda: _forked(once, text),
    }
    medians = interleaved(_ROUNDS, *works.values())
    for title, median in zip(works, medians, strict=True):
        yield Result(
            name=f"{name}: {title}",
            value=median * 1e6,
            reference=medians[0] * 1e6,
            unit="us",
            ratio=median / medians[0],
            most=GOAL if "through" in title else None,
        )


def _primed(job: PressJob) -> pyppmd.Ppmd7Encoder:
    encoder = pyppmd.Ppmd7Encoder(job.order, memory_bytes(len(job.context) + sum(map(len, job.bodies))))
    for at in range(0, len(job.context), _SLICE_BYTES):
        encoder.encode(job.context[at : at + _SLICE_BYTES])
    return encoder


def _finished(encoder: pyppmd.Ppmd7Encoder, text: bytes) -> bytes:
    return bytes(encoder.encode(text) + encoder.flush())


def _forked(encoder: pyppmd.Ppmd7Encoder, text: bytes) -> bytes:
    """Fork, encode, hand the result over, end; this process has no threads, so it may."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, _finished(encoder, text))
        os._exit(0)
    os.close(writing)
    output = os.read(reading, 1 << 16)
    os.close(reading)
    os.waitpid(child, 0)
    return output


if __name__ == "__main__":
    show(f"Compressing {MISSING} records after {_CONTEXT_BYTES >> 10} KiB of context", run())
