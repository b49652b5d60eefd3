"""The outcomes as a picture: a bar a scenario against its bound, on a logarithmic scale, as SVG 1.1."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from tidelog_cli.bytes_bench.outcome import ABSENT, Outcome, shown

_WIDTH: Final = 980
_LEFT: Final = 260
"""Where the scale begins: right of the names."""

_RIGHT: Final = 110
"""Left free for the figures at the ends of bars."""

_ROW: Final = 30
_BAR: Final = 14
_HEAD: Final = 64
"""Above the first panel: title and legend."""

_TITLE: Final = 34
_AXIS: Final = 30
_LETTER: Final = 6.6
"""The mean width of a letter of the legend."""

_FONT: Final = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"

_INK: Final = "#1b2733"
_FAINT: Final = "#d5dce3"
_SOFT: Final = "#5b6b7a"
_MET: Final = "#2a7f8e"
_MISSED: Final = "#d9a441"
_BOUND: Final = "#b3261e"


class _Mark(NamedTuple):
    """How a rival is drawn."""

    word: str
    colour: str
    shape: str


_RIVALS: Final = (
    _Mark("one PUBLISH a record", "#3b4a59", "circle"),
    _Mark("bodies in one deflate -9", "#7a5ba8", "diamond"),
    _Mark("bodies in one zstd -19", "#3f8f4f", "square"),
)


class _Scale(NamedTuple):
    """Bytes to pixels: decades of equal width from 1 byte on."""

    decades: int

    def at(self, value: float) -> float:
        """Where a figure lies; what is below one byte lies at the left end."""
        return _LEFT + math.log10(max(1.0, value)) * (_WIDTH - _LEFT - _RIGHT) / self.decades


def svg(outcomes: Sequence[Outcome]) -> str:
    """Draw outcomes, a panel for each corpus.

    Args:
        outcomes: those of a corpus beside each other; at least one.

    Returns:
        an SVG document.
    """
    panels = [(corpus, list(each)) for corpus, each in groupby(outcomes, lambda outcome: outcome.corpus)]
    height = _HEAD + sum(_TITLE + _ROW * len(rows) + _AXIS for _, rows in panels)
    root = ET.Element(
        "svg",
        {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {_WIDTH} {height}", "role": "img"},
    )
    root.set("font-family", _FONT)
    ET.SubElement(root, "title").text = "MQTT bytes of a sync against the bound"
    _box(root, 0, 0, _WIDTH, height, "#ffffff")
    _text(root, 16, 26, "MQTT bytes of a sync, both directions, headers included", size=16, bold=True)
    _legend(root)
    scale, top = _Scale(_decades(outcomes)), _HEAD
    for corpus, rows in panels:
        _panel(root, scale, top, corpus, rows)
        top += _TITLE + _ROW * len(rows) + _AXIS
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _decades(outcomes: Iterable[Outcome]) -> int:
    largest = max(max(each.total or 0.0, each.rivals.publishes, each.limit) for each in outcomes)
    return max(1, math.ceil(math.log10(max(1.0, largest))))


def _legend(root: ET.Element) -> None:
    x, y = 16.0, 48.0
    for word, colour in (("met", _MET), ("missed", _MISSED)):
        _box(root, x, y - 10, 22, 12, colour)
        x = _said(root, x + 28, y, word)
    for word, dashed in (("bound", False), ("target", True)):
        _line(root, x + 4, y - 13, y + 4, _BOUND, dashed=dashed)
        x = _said(root, x + 12, y, word)
    for mark in _RIVALS:
        _mark(root, mark, x + 5, y - 4)
        x = _said(root, x + 16, y, mark.word)


def _said(root: ET.Element, x: float, y: float, word: str) -> float:
    """Write a word of the legend; returns where the next may begin."""
    _text(root, x, y, word, size=12, colour=_SOFT)
    return x + _LETTER * len(word) + 20


def _panel(root: ET.Element, scale: _Scale, top: float, corpus: str, rows: Sequence[Outcome]) -> None:
    first, last = top + _TITLE, top + _TITLE + _ROW * len(rows)
    _text(root, 16, top + 22, corpus, size=14, bold=True)
    for decade in range(scale.decades + 1):
        x = scale.at(10**decade)
        _line(root, x, first, last, _FAINT)
        _text(root, x, last + 16, f"{10**decade:,}", size=11, colour=_SOFT, anchor="middle")
    for index, outcome in enumerate(rows):
        _row(root, scale, first + _ROW * index + _ROW / 2, outcome)


def _row(root: ET.Element, scale: _Scale, middle: float, outcome: Outcome) -> None:
    _text(root, 16, middle + 4, outcome.key, size=12, bold=True)
    _text(root, 74, middle + 4, outcome.title, size=12)
    if outcome.total is None:
        _text(root, _LEFT + 6, middle + 4, ABSENT, size=11, colour=_SOFT)
    else:
        end = scale.at(outcome.total)
        colour = _MET if outcome.met else _MISSED
        _box(root, _LEFT, middle - _BAR / 2, end - _LEFT, _BAR, colour)
    for mark, value in _rivals(outcome):
        _mark(root, mark, scale.at(value), middle)
    if outcome.bound:
        _line(root, scale.at(outcome.bound), middle - 11, middle + 11, _BOUND)
    _line(root, scale.at(outcome.limit), middle - 11, middle + 11, _BOUND, dashed=True)
    if outcome.total is not None:
        _text(root, _WIDTH - 16, middle + 4, shown(outcome.total), size=12, anchor="end")


def _rivals(outcome: Outcome) -> Iterator[tuple[_Mark, float]]:
    rivals = outcome.rivals
    for mark, value in zip(_RIVALS, (rivals.publishes, rivals.deflate, rivals.zstd), strict=True):
        if value:
            yield mark, value


def _mark(root: ET.Element, mark: _Mark, x: float, y: float) -> None:
    paint = {"fill": mark.colour, "stroke": "#ffffff"}
    match mark.shape:
        case "circle":
            ET.SubElement(root, "circle", {"cx": _px(x), "cy": _px(y), "r": "4.5", **paint})
        case "diamond":
            corners = ((x, y - 6), (x + 6, y), (x, y + 6), (x - 6, y))
            points = " ".join(f"{_px(a)},{_px(b)}" for a, b in corners)
            ET.SubElement(root, "polygon", {"points": points, **paint})
        case _:
            place = {"x": _px(x - 4), "y": _px(y - 4), "width": "8", "height": "8"}
            ET.SubElement(root, "rect", {**place, **paint})


def _box(root: ET.Element, x: float, y: float, width: float, height: float, colour: str) -> None:
    place = {"x": _px(x), "y": _px(y), "width": _px(width), "height": _px(height)}
    ET.SubElement(root, "rect", {**place, "fill": colour})


def _line(root: ET.Element, x: float, top: float, end: float, colour: str, *, dashed: bool = False) -> None:
    place = {"x1": _px(x), "x2": _px(x), "y1": _px(top), "y2": _px(end), "stroke": colour}
    style = {"stroke-dasharray": "3 2"} if dashed else {}
    ET.SubElement(root, "line", {**place, "stroke-width": "1" if colour == _FAINT else "2", **style})


def _text(
    root: ET.Element,
    x: float,
    y: float,
    said: str,
    *,
    size: int,
    colour: str = _INK,
    bold: bool = False,
    anchor: str = "start",
) -> None:
    place = {"x": _px(x), "y": _px(y), "font-size": str(size), "fill": colour, "text-anchor": anchor}
    ET.SubElement(root, "text", place | ({"font-weight": "600"} if bold else {})).text = said


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
