"""Corpora become the logs that an import makes of them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tidelog.wire.errors import UsageError
from tidelog_cli.bytes_bench.corpus import Corpus, Row, found_corpora, read_corpus

TOLD = [("b", "me", 5), ("a", "you", 3), ("b", "you", 4), ("b", "me", 9)]


def written(path: Path, told: Sequence[tuple[str, str, int]] = TOLD) -> Path:
    text = "".join(
        json.dumps({"channel": channel, "author": author, "ts": ts, "body": f"{n}"}) + "\n"
        for n, (channel, author, ts) in enumerate(told)
    )
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return read_corpus(written(tmp_path / "talk.jsonl.gz"))


def test_times_never_go_back_within_a_channel(corpus: Corpus) -> None:
    assert corpus.stretches(count=1, records=4) == [
        [
            Row("b", 1, "me", 5, 0, b"0"),
            Row("a", 1, "you", 3, 0, b"1"),
            Row("b", 2, "you", 5, 0, b"2"),
            Row("b", 3, "me", 9, 0, b"3"),
        ]
    ]


def test_windows_are_one_channel_and_reach_from_end_to_end(corpus: Corpus) -> None:
    windows = corpus.windows(count=3, records=2)
    assert [[(row.channel, row.seq, row.body) for row in log] for log in windows] == [
        [("log", 1, b"0"), ("log", 2, b"1")],
        [("log", 1, b"1"), ("log", 2, b"2")],
        [("log", 1, b"2"), ("log", 2, b"3")],
    ]


def test_stretches_all_begin_with_the_file(corpus: Corpus) -> None:
    assert [[row.body for row in log] for log in corpus.stretches(count=2, records=3)] == [
        [b"0", b"1", b"2", b"3"],
        [b"0", b"1", b"2"],
    ]


def test_a_file_that_is_too_short_is_refused(corpus: Corpus) -> None:
    with pytest.raises(UsageError, match="talk has 4 records") as caught:
        corpus.windows(count=2, records=4)
    assert caught.value.code == "corpus_short"


def test_the_name_is_the_files_and_plain_text_does(tmp_path: Path) -> None:
    corpus = read_corpus(written(tmp_path / "sensors.jsonl"))
    assert (corpus.name, len(corpus.lines)) == ("sensors", 4)


def test_a_damaged_file_is_an_error_of_ours(tmp_path: Path) -> None:
    path = written(tmp_path / "talk.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(UsageError, match="damaged"):
        read_corpus(path)


def test_files_come_from_the_command_line_else_the_variable_else_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = tmp_path / "shared" / "corpora"
    beside.mkdir(parents=True)
    (tmp_path / "main").mkdir()
    monkeypatch.chdir(tmp_path / "main")
    monkeypatch.delenv("TIDELOG_CORPORA", raising=False)
    with pytest.raises(UsageError) as caught:
        found_corpora([])
    assert caught.value.code == "no_corpus"
    written(beside / "talk.jsonl.gz")
    assert [path.name for path in found_corpora([])] == ["talk.jsonl.gz"]
    monkeypatch.setenv("TIDELOG_CORPORA", str(tmp_path))
    other = written(tmp_path / "other.jsonl")
    assert found_corpora([]) == [other]
    assert found_corpora([Path("named")]) == [Path("named")]
