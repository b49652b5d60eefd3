"""What the commands write: tables and colours on a terminal, plain lines in a pipe, JSON where asked for.

Results go to standard output; errors, hints and notes to standard error, so that a pipe holds results only.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import IO, Any

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and newline, and those that turn the writing direction."""


def printable(text: str) -> str:
    r"""The text without what would steer the terminal of whoever reads it: controls become ``\x1b``."""
    return _CONTROL.sub(lambda match: ascii(match.group())[1:-1], text)


def print_json(value: object) -> None:
    """One JSON value on one line of standard output, flushed: a reader in a pipe sees it at once."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_line(text: str) -> None:
    """One line of standard output, flushed."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Something worth knowing that is not the result, on standard error."""
    sys.stderr.write(_dim(printable(text), sys.stderr) + "\n")


def print_error(message: str, *, code: str, hint: str, as_json: bool) -> None:
    """An error on standard error: ``tidelog: message [code]`` and ``hint: ...``, or one JSON object."""
    if as_json:
        sys.stderr.write(json.dumps({"error": {"code": code, "message": message, "hint": hint}}) + "\n")
        return
    sys.stderr.write(f"{styled('tidelog:', '1;31', sys.stderr)} {printable(message)} [{code}]\n")
    if hint:
        sys.stderr.write(f"{styled('hint:', '36', sys.stderr)} {printable(hint)}\n")


def print_rows(columns: Sequence[str], rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """Rows of named values.

    Args:
        columns: the keys to show to people, in order; they are the headings too.
        rows: one mapping each; JSON shows all of it, as one array.
        as_json: whether to write JSON.
    """
    if as_json:
        print_json([dict(row) for row in rows])
        return
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    if sys.stdout.isatty():
        _print_table(columns, cells)
    else:
        _print_columns(columns, cells)


def counted(number: int, noun: str) -> str:
    """``1 round``, ``2,000 rounds``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def local_time(milliseconds: int) -> str:
    """Unix milliseconds as local time, ISO 8601 with seconds and offset."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone().isoformat(timespec="seconds")


def styled(text: str, style: str, stream: IO[str] | None = None) -> str:
    """The text in an ANSI style, where the stream (standard output) is a terminal that shows colours."""
    target = stream or sys.stdout
    return f"\x1b[{style}m{text}\x1b[0m" if _coloured(target) else text


def _coloured(stream: IO[str]) -> bool:
    # NO_COLOR: no-color.org; both are what rich honours too
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _dim(text: str, stream: IO[str]) -> str:
    return styled(text, "2", stream)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cell, value))
    return printable(str(value))


def _print_columns(columns: Sequence[str], cells: list[list[str]]) -> None:
    widths = [max(len(line[i]) for line in [list(columns), *cells]) for i in range(len(columns))]
    for line in [list(columns), *cells]:
        print_line("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _print_table(columns: Sequence[str], cells: list[list[str]]) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - a tenth of a second that pipes and JSON do not pay
    from rich.console import Console  # noqa: PLC0415 - same
    from rich.table import Table  # noqa: PLC0415 - same
    from rich.text import Text  # noqa: PLC0415 - same

    table: Any = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, style="bold" if index == 0 else "")
    for line in cells:
        table.add_row(*map(Text, line))
    Console().print(table)
