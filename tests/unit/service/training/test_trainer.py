"""Dictionaries of real records, on records that they were not trained on."""

from __future__ import annotations

import zlib

import pytest

from corpora import records
from tidelog.codec import bodies, ppmd
from tidelog.codec.deflate import Deflate
from tidelog.codec.dictionaries import builtin
from tidelog.wire.errors import UsageError
from tidelog_service.training.samples import Sample
from tidelog_service.training.trainer import SIZE_KIB_MAX, train

SIZE = 32 << 10
TRAINED_ON = 9_000


def samples(name: str) -> list[Sample]:
    return [
        Sample(record["ts"], record["channel"], at, record["author"], record["body"].encode())
        for at, record in enumerate(records(name))
    ]


def first_pages(name: str, codec: ppmd.Ppmd | Deflate, dictionary: bytes) -> float:
    """Bytes of 20 records, a mean over records that come after the training."""
    texts = [one.text for one in samples(name)]
    pages = [b"".join(texts[at : at + 20]) for at in range(TRAINED_ON, len(texts) - 20, 250)]
    return sum(len(codec.compress(page, dictionary)) for page in pages) / len(pages)


@pytest.mark.parametrize(("name", "least"), [("chat", 3), ("chat", 1), ("telemetry", 1)])
def test_it_does_better_than_the_newest_records_as_they_are(name: str, least: int) -> None:
    """On chat even where no text comes of fewer than three authors."""
    made = samples(name)[:TRAINED_ON]
    dictionary = train(made, size_bytes=SIZE, least=least)
    newest = bodies.joined(one.body for one in made)[-SIZE:]
    assert SIZE - 100 < len(dictionary.data) <= SIZE
    for codec in (ppmd.Ppmd(), Deflate()):
        trained = first_pages(name, codec, dictionary.data)
        assert trained < 1.02 * first_pages(name, codec, newest)
        assert trained < 0.85 * first_pages(name, codec, builtin().data)
    assert first_pages(name, ppmd.Ppmd(), dictionary.data) < first_pages(name, ppmd.Ppmd(), newest)


def test_the_same_records_give_the_same_dictionary() -> None:
    made = samples("chat")[:1_500]
    one, other = (train(given, size_bytes=4_096) for given in (made, made[::-1]))
    assert one == other
    assert one.id == zlib.crc32(one.data)


def test_the_largest_is_within_its_size() -> None:
    made = train(samples("chat")[:4_000], size_bytes=SIZE_KIB_MAX << 10, least=1)
    assert SIZE < len(made.data) <= SIZE_KIB_MAX << 10


def test_texts_of_the_built_in_one_that_are_of_use_are_in_it() -> None:
    made = [
        Sample(at, f"c{at}", 1, f"u{at}", b"Good morning! I can't find them anywhere.") for at in range(4)
    ]
    assert b"I can't find them anywhere" in builtin().data
    assert b"find them anywhere" in train(made, size_bytes=2_048).data


def test_where_nothing_is_shared_there_is_no_dictionary() -> None:
    made = [Sample(at, "room", at, "ann", b"hello, hello, hello") for at in range(20)]
    with pytest.raises(UsageError) as caught:
        train(made, size_bytes=SIZE)
    assert caught.value.code == "nothing_shared"
    assert "--least 1" in caught.value.hint
    assert b"hello" in train(made, size_bytes=SIZE, least=1).data


def test_one_record_makes_no_dictionary() -> None:
    with pytest.raises(UsageError) as caught:
        train([Sample(1, "hall", 1, "ann", b'{"id": 5, "v": 1}')], size_bytes=SIZE, least=1)
    assert caught.value.code == "nothing_shared"
    assert "some hundred records" in caught.value.hint
