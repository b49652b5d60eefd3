"""The table of commands and the commands themselves say the same."""

from __future__ import annotations

import pytest

from tidelog_cli.catalogue import ENTRIES, Entry, flowing, load


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_each_summary_is_the_first_paragraph_of_the_commands_own_help(entry: Entry) -> None:
    assert (load(entry).help or "").split("\n\n")[0] == entry.summary


def test_paragraphs_are_joined_and_indented_lines_stay() -> None:
    text = "One.\n\nTwo goes\non and on.\n\n    a command |\n        another\n\nThree."
    assert flowing(text) == "One.\n\nTwo goes on and on.\n\n    a command |\n        another\n\nThree."
    assert all("\n" not in flowing(paragraph) for paragraph in ("a\nb\nc", "a\nb"))
