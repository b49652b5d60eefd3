from __future__ import annotations

import pytest

from tidelog.codec import built, ppmd, registry


def test_the_strongest_is_first_and_ids_are_told_apart() -> None:
    codecs = built.best_first()
    assert [(codec.id, codec.name) for codec in codecs] == [(2, "ppmd"), (1, "deflate")]


def test_without_the_package_there_is_deflate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ppmd, "pyppmd", None)
    assert [codec.name for codec in built.best_first()] == ["deflate"]


def test_none_of_them_is_offered_yet() -> None:
    assert registry.offered() == ()


@pytest.mark.parametrize("codec", built.best_first(), ids=lambda codec: codec.name)
def test_each_compresses_after_a_context(codec: built.TextCodec) -> None:
    text, context = b"the same words\0", b"other words\0the same words\0"
    data = codec.compress(text, context)
    assert codec.expand(data, len(text), context) == text
    assert len(data) < len(text) / 2
