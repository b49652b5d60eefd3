"""SPEC.md and docs/pages.md say what the code of pages does."""

from __future__ import annotations

import re

import pytest

from tidelog.codec import context, deflate, ppmd
from tidelog.codec.deflate import Deflate
from tidelog.codec.plain import Plain
from tidelog.codec.ppmd import Ppmd
from tidelog.wire import limits, models, names, packed_pages, quantities, rangecoder
from unit.wire.document import ROOT, SPEC, references, section, table

PAGES = (ROOT / "docs/pages.md").read_text("utf8")


def test_sections_that_the_code_refers_to_are_there() -> None:
    assert references("docs/pages.md") <= set(re.findall(r"^## (.+)$", PAGES, re.MULTILINE))


@pytest.mark.parametrize("text", [SPEC, PAGES], ids=["SPEC.md", "docs/pages.md"])
def test_modules_and_vectors_that_a_document_names_are_there(text: str) -> None:
    for module in re.findall(r"`(tidelog\.[a-z_.]+)`", text):
        assert (ROOT / "devices" / (module.replace(".", "/") + ".py")).exists()
    for path in re.findall(r"`(tests/vectors/[a-z_]+\.json)`", text):
        assert (ROOT / path).exists()


def test_every_module_of_pages_that_the_document_names_has_vectors() -> None:
    rows = re.findall(r"^\| (`tidelog.*?) \| .* \| (`.*?`) \|$", PAGES, re.MULTILINE)
    assert len(rows) > 5
    assert {path for _, path in rows} <= set(re.findall(r"`tests/vectors/[a-z_]+\.json`", PAGES))


def test_the_table_of_codecs_is_that_of_the_code() -> None:
    told = {int(number): name.strip("`") for number, name, _ in table("Codecs")}
    assert told == {codec.id: codec.name for codec in (Plain, Deflate, Ppmd)}
    assert f"those of a Page below {packed_pages.CODECS_STOP}" in section("Codecs")


@pytest.mark.parametrize(
    ("heading", "told"),
    [
        ("Sync", f"0..{models.CONTEXT_CODES - 1},                            ; 0: none"),
        ("The range coder", f"at most 2^{rangecoder.TOTAL_MAX.bit_length() - 1}"),
        ("The range coder", f"adds {quantities.STEP}"),
        ("Numbers", f"at most {quantities.KNOWN_MAX}"),
        ("Numbers", f"below 2^{quantities.QUANTITY_STOP.bit_length() - 1}"),
        ("Numbers", f"plus {quantities.STEP} for each pair"),
        ("Page columns", f"at most {names.RECENT_MAX}"),
        ("Context", f"at most {context.BODY_BYTES_MAX:,} bytes"),
        ("Context", f"{context.LOOKS_MAX:,} turns"),
        ("Context", f"{context.LOOKS_MAX:,} records"),
        ("Context", f"{context.HISTORY_EACH} for each record of the page"),
        ("Context", f"least {context.HISTORY_MIN}, at most {context.HISTORY_MAX}"),
        ("Deflate", f"last {deflate.WINDOW_BYTES >> 10} KiB"),
        ("PPMd", f"{ppmd.MEMORY_BYTES_MIN >> 20} MiB at least"),
        ("PPMd", f"at most {limits.MODEL_BYTES_MAX >> 20} MiB"),
        ("Tokens", f"{limits.TOKEN_BYTES} bytes that stand"),
    ],
)
def test_numbers_are_those_of_the_code(heading: str, told: str) -> None:
    assert told in section(heading)


def test_the_order_of_ppmd_is_the_one_that_was_measured() -> None:
    assert f"PPMd of order {ppmd.ORDER}" in PAGES
    assert ppmd.MEMORY_BYTES_MAX == limits.MODEL_BYTES_MAX
