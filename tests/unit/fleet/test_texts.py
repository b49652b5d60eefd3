"""What the fleet writes: each text once, from a corpus or made up."""

from __future__ import annotations

import gzip
import json
import random
from itertools import islice
from pathlib import Path

import pytest

from tidelog.wire.errors import UsageError
from tidelog.wire.limits import BODY_BYTES_MAX
from tidelog_fleet.texts import built_in, dealt, read_corpus


def lines(*bodies: str) -> bytes:
    return b"".join(json.dumps({"body": body, "author": "x"}).encode() + b"\n" for body in bodies)


def test_made_up_sentences_are_all_different() -> None:
    sentences = built_in()
    assert len(set(sentences)) == len(sentences) == 12_096


@pytest.mark.parametrize("packed", [False, True])
def test_a_corpus_gives_each_text_once(tmp_path: Path, *, packed: bool) -> None:
    """Empty lines, empty bodies and bodies that are too long are passed over; gzip is seen by its bytes."""
    content = lines("one", "two", "", "one", "x" * BODY_BYTES_MAX) + b"\n" + lines("three")
    path = tmp_path / "corpus"
    path.write_bytes(gzip.compress(content) if packed else content)
    assert read_corpus(path) == ["one", "two", "three"]


@pytest.mark.parametrize("line", [b"{", b"[1]", b'{"text": "x"}', b'{"body": 1}', b"\xff"])
def test_a_line_that_is_no_message_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(lines("one") + line + b"\n")
    with pytest.raises(UsageError, match="line 2") as caught:
        read_corpus(path)
    assert caught.value.code == "import_line"


def test_a_corpus_without_texts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(lines(""))
    with pytest.raises(UsageError) as caught:
        read_corpus(path)
    assert caught.value.code == "import_file"


def test_no_text_is_dealt_twice() -> None:
    """The texts run out after the third each; from then on the lap is told."""
    hands = dealt([f"text {n}" for n in range(10)], ["a", "b", "c"], random.Random(1))
    written = [body for hand in hands.values() for body in islice(hand, 50)]
    assert len(set(written)) == len(written) == 150
    assert b"text 3" in written
    assert b"text 3 [2]" in written


def test_a_seed_always_deals_the_same() -> None:
    texts = built_in()
    first, second, other = (dealt(texts, ["a", "b"], random.Random(seed)) for seed in (1, 1, 2))
    taken = list(islice(first["b"], 20))
    assert taken == list(islice(second["b"], 20))
    assert taken != list(islice(other["b"], 20))
