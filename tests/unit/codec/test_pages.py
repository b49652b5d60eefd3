"""docs/pages.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tidelog.codec import context, ppmd
from tidelog.wire import names, quantities, rangecoder

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "docs/pages.md").read_text("utf8")


def test_sections_that_the_code_refers_to_are_there() -> None:
    sources = "".join(path.read_text("utf8") for path in (ROOT / "devices").rglob("*.py"))
    found = set(re.findall(r'docs/pages\.md, "([^"]+)"', sources))
    assert found >= {"The range coder", "Numbers", "Columns", "Bodies", "The check", "Context", "PPMd"}
    assert found <= set(re.findall(r"^## (.+)$", PAGES, re.MULTILINE))


def test_modules_and_vectors_that_it_names_are_there() -> None:
    for module in re.findall(r"`(tidelog\.[a-z.]+)`", PAGES):
        assert (ROOT / "devices" / (module.replace(".", "/") + ".py")).exists()
    for path in re.findall(r"`(tests/vectors/[a-z_]+\.json)`", PAGES):
        assert (ROOT / path).exists()


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("The range coder", f"at most 2^{rangecoder.TOTAL_MAX.bit_length() - 1}"),
        ("The range coder", f"adds {quantities.STEP}"),
        ("Numbers", f"at most {quantities.KNOWN_MAX}"),
        ("Numbers", f"below 2^{quantities.QUANTITY_STOP.bit_length() - 1}"),
        ("Columns", f"at most {names.RECENT_MAX}"),
        ("Context", f"{context.BUDGET_BYTES_MAX >> 10} KiB"),
        ("Context", f"over {context.BODY_BYTES_MAX:,} bytes"),
        ("Context", f"{context.LOOKS_MAX:,} steps"),
        ("Context", f"{context.HISTORY_EACH} records for each"),
        ("Context", f"least {context.HISTORY_MIN}, at most {context.HISTORY_MAX}"),
        ("PPMd", f"of order {ppmd.ORDER}"),
        ("PPMd", f"at most {ppmd.MEMORY_BYTES_MAX >> 20} MiB"),
    ],
)
def test_numbers_are_those_of_the_code(section: str, told: str) -> None:
    body = PAGES.split(f"\n## {section}\n")[1].split("\n## ")[0]
    assert told in re.sub(r"\s+", " ", body)
