"""SPEC.md says what the code does: its examples are run, its tables are compared."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from hashlib import blake2b, sha256

import pytest

from tidelog.codec.dictionaries import builtin, inflated
from tidelog.codec.parcels import Ground, expand, pack
from tidelog.codec.preset import Held, walk
from tidelog.wire import jsonform, limits, packed, runs, varint
from tidelog.wire.digest import answer_digest, message_digest
from tidelog.wire.errors import Code
from tidelog.wire.fetching import Piece
from tidelog.wire.frames import Messages, Receipts, Type
from tidelog.wire.json_ranges import from_ranges
from tidelog.wire.parcels import Parcel
from unit.wire.document import HEADINGS, ROOT, SPEC, examples, octets, references, table

PAIRS = re.findall(r"```hex\n((?:(?!```).)*)```\n+```json\n(.*?)```", SPEC, re.DOTALL)
JSONS = re.findall(r"```json\n(.*?)```", SPEC, re.DOTALL)
RECORDS = [Held(2, 1760001373811, b"hello"), Held(1, 1760001373000, b"is anybody at home?")]
PRESET = walk(RECORDS)
assert PRESET is not None
GROUND = Ground(channel="room1", preset=PRESET)


@pytest.mark.parametrize(("annotated", "text"), PAIRS)
def test_an_example_in_bytes_is_the_example_in_json(annotated: str, text: str) -> None:
    frame = jsonform.decode(text.encode())
    read = packed.decode(octets(annotated))
    if isinstance(read, Parcel):
        assert isinstance(frame, Messages)
        assert expand(read, GROUND.preset) == frame
        written = pack(frame, GROUND)
        assert written is not None
        # What deflate makes is not the same everywhere, as long as it makes the same text.
        assert replace(written, deflated=read.deflated) == read
    else:
        assert read == frame
        assert packed.encode(frame) == octets(annotated)


def test_the_example_of_a_parcel_builds_on_the_records_that_are_told() -> None:
    section = SPEC.split("\n## Parcel\n")[1].split("\n## ")[0]
    told = " and ".join(f"{record.seq} `{record.body.decode()}`" for record in reversed(RECORDS))
    assert f"After the records {told}, the latter of the time {RECORDS[0].time}:" in section


def test_every_example_in_bytes_is_paired_and_every_type_has_one() -> None:
    """Those of types that have no JSON form are tested with `test_spec_pages` and `test_spec_audits`."""
    unpaired = [example for name in ("Resync", "Page", "Audit", "Verdict") for example in examples(name)]
    assert len(PAIRS) + len(unpaired) == SPEC.count("```hex")
    told = [*(octets(annotated) for annotated, _ in PAIRS), *unpaired]
    assert {payload[0] & 0x1F for payload in told} == set(Type)


def holds(whole: object, told: object) -> bool:
    """Whether all that is told is in the whole; that may say more, such as fields at their defaults."""
    if isinstance(whole, dict) and isinstance(told, dict):
        return all(name in whole and holds(whole[name], value) for name, value in told.items())
    return whole == told


@pytest.mark.parametrize("text", JSONS)
def test_an_example_in_json_is_read_and_written_the_same(text: str) -> None:
    frame = jsonform.decode(text.encode())
    assert holds(json.loads(jsonform.encode(frame)), json.loads(text))


@pytest.mark.parametrize("row", table("Have-sets"), ids=lambda row: row[0])
def test_an_example_of_a_have_set_is_right(row: list[str]) -> None:
    seqs = runs.decode(bytes.fromhex(row[1].strip("`")))
    assert from_ranges(seqs) == json.loads(row[0].strip("`"))
    assert runs.encode(seqs) == bytes.fromhex(row[1].strip("`"))


@pytest.mark.parametrize("row", table("Digests"), ids=lambda row: row[2])
def test_an_example_of_a_digest_is_right(row: list[str]) -> None:
    text, head, digest = (cell.strip("`") for cell in row)
    frame = jsonform.decode(text.encode())
    assert isinstance(frame, Messages)
    (message,) = frame.messages
    content_type, channel = message.content_type.encode(), message.channel.encode()
    assert (
        varint.encode([message.kind, message.sent, len(content_type), len(channel)]).hex()
        == bytes.fromhex(head).hex()
    )
    hashed = bytes.fromhex(head) + content_type + channel + message.body
    assert blake2b(hashed, digest_size=8).hexdigest() == message_digest(message).hex() == digest


def test_the_example_of_a_receipt_answers_the_example_of_a_message() -> None:
    frames = [packed.decode(octets(annotated)) for annotated, _ in PAIRS]
    (sent,) = (frame.messages[0] for frame in frames if isinstance(frame, Messages))
    (told,) = (frame.receipts[0] for frame in frames if isinstance(frame, Receipts))
    assert (told.n, told.channel, told.digest) == (sent.n, sent.channel, answer_digest(sent))


def test_the_table_of_types_is_that_of_the_code() -> None:
    rows = table("Packed frames")
    assert [int(kind) for kind, *_ in rows] == sorted(Type)
    assert all(int(first.strip("`"), 16) == limits.VERSION << 5 | int(kind) for kind, _, _, first in rows)


def test_the_table_of_limits_is_that_of_the_code() -> None:
    told = {name.strip("`"): int(value) for name, value, _ in table("Limits")}
    assert told == {name: value for name, value in vars(limits).items() if name.isupper()}


def test_every_limit_says_why() -> None:
    source = (ROOT / "devices/tidelog/wire/limits.py").read_text("utf8")
    assert len(re.findall(r'^[A-Z_]+: Final = .*\n""".', source, re.MULTILINE)) == len(table("Limits"))
    assert all(why for _, _, why in table("Limits"))


def test_the_table_of_errors_is_that_of_the_code() -> None:
    told = {int(number): word.strip("`") for number, word, *_ in table("Errors")}
    assert told == {int(code): code.word for code in Code}


def test_the_table_of_columns_is_that_of_the_code() -> None:
    assert [int(number) for number, *_ in table("Columns")] == list(range(1, 10))


def test_every_json_type_is_told() -> None:
    told = {word.strip("`") for word, *_ in table("JSON")}
    assert told == {
        "message",
        "messages",
        "receipts",
        "sync",
        "delta",
        "push",
        "primed",
        "error",
        "fetch",
        "piece",
        "manifest",
        "estimate",
        "enrol",
        "roster",
        "mark",
        "marks",
        "ask",
        "chunk",
        "portion",
        "upload",
    }


def test_the_built_in_dictionary_is_the_one_that_is_told() -> None:
    (row,) = (row for row in table("Dictionaries") if row[0] == "1 to 255")
    assert f"{len(builtin().data):,} bytes with the SHA-256 `{sha256(builtin().data).hexdigest()}`" in row[1]


def test_the_example_of_a_piece_is_a_whole_dictionary() -> None:
    frames = [packed.decode(octets(annotated)) for annotated, _ in PAIRS]
    (piece,) = (frame for frame in frames if isinstance(frame, Piece))
    assert inflated(piece.dictionary, piece.data).data == b"low tide at noon\0"
    assert len(piece.data) == piece.size


def test_every_rule_of_the_grammar_is_defined() -> None:
    grammar = "\n".join(re.findall(r"```cddl\n(.*?)```", SPEC, re.DOTALL))
    grammar = re.sub(r';.*|"[^"]*"|\bh\'\'', "", grammar)
    defined = set(re.findall(r"^([a-z-]+)(?:<\w+>)?\s+=", grammar, re.MULTILINE))
    keys = set(re.findall(r"([a-z-]+):", grammar))
    used = set(re.findall(r"(?<![.\w-])[a-z][a-z-]*", re.sub(r"[a-z-]+:", "", grammar)))
    assert used - defined - keys <= {"any", "bstr", "tstr", "int", "null", "name"}


def test_sections_that_the_code_refers_to_are_there() -> None:
    found = references("SPEC.md")
    assert found >= {"Messages", "Sync", "Tokens", "Resync", "Page", "Context", "The range coder", "PPMd"}
    assert found <= HEADINGS
    within = set(re.findall(r"\(see ([A-Z][A-Za-z -]+?)(?:, ([A-Z][a-z]+))?\)", SPEC))
    assert {name for pair in within for name in pair if name} <= HEADINGS
