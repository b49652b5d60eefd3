"""SPEC.md as tests read it: its examples, sections and tables."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
SPEC = (ROOT / "devices/tidelog/wire/SPEC.md").read_text("utf8")
HEADINGS = set(re.findall(r"^## (.+)$", SPEC, re.MULTILINE))


def octets(annotated: str) -> bytes:
    """The bytes of an example with comments."""
    return bytes.fromhex(re.sub(r";.*", "", annotated))


def section(heading: str) -> str:
    """The text of a section."""
    return SPEC.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def examples(heading: str) -> list[bytes]:
    """All examples in bytes of a section."""
    return [octets(annotated) for annotated in re.findall(r"```hex\n(.*?)```", section(heading), re.DOTALL)]


def table(heading: str, after: str = "") -> list[list[str]]:
    """The rows of the first table of a section, or of the one after a text in it."""
    text = section(heading)
    lines = text[text.index(after) :].split("\n|---")[1].split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def references(to: str) -> set[str]:
    """Every section of a document that a docstring or comment of the code refers to."""
    found: set[str] = set()
    for folder in ("devices", "service"):
        for path in (ROOT / folder).rglob("*.py"):
            for listed in re.findall(re.escape(to) + r',((?: "[^"]+",?)+)', path.read_text("utf8")):
                found |= set(re.findall(r'"([^"]+)"', listed))
    return found
