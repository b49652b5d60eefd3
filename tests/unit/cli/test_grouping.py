"""Options that come as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from tidelog_cli.grouping import grouped


@dataclass(frozen=True, kw_only=True)
class Place:
    """A group."""

    town: Annotated[str, typer.Option("--town", help="Where.")] = "Hull"
    streets: Annotated[list[str] | None, typer.Option("--street")] = None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ann"], "ann at Place(town='Hull', streets=None) loud=False"),
        (["ann", "--town", "Cork", "--loud"], "ann at Place(town='Cork', streets=None) loud=True"),
        (
            ["ann", "--street", "a", "--street", "b"],
            "ann at Place(town='Hull', streets=['a', 'b']) loud=False",
        ),
    ],
)
def test_a_command_gets_its_group_made_of_the_options(words: list[str], said: str) -> None:
    app = typer.Typer()

    @app.command()
    @grouped
    def greet(
        name: Annotated[str, typer.Argument()],
        *,
        place: Place,
        loud: Annotated[bool, typer.Option("--loud")] = False,
    ) -> None:
        print(f"{name} at {place} loud={loud}")  # noqa: T201 - what the runner reads

    assert CliRunner().invoke(app, words).output.strip() == said
