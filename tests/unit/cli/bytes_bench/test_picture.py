"""The picture is XML that names every scenario and draws what there is to scale."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tidelog_cli.bytes_bench.outcome import Outcome, Sample, summed
from tidelog_cli.bytes_bench.picture import svg
from tidelog_cli.bytes_bench.rig import Taken
from tidelog_cli.bytes_bench.rivals import Rivals
from tidelog_cli.bytes_bench.scenarios import SCENARIOS

DOCS = Path(__file__).parents[4] / "docs"
NAMESPACE = "{http://www.w3.org/2000/svg}"
MET, MISSED = "#2a7f8e", "#d9a441"


def outcome(corpus: str, key: str, total: int | None, *, bound: float = 100.0) -> Outcome:
    taken = None if total is None else Taken(0, total, 1, 1.0)
    rivals = Rivals(raw=1, publishes=2_000, deflate=500, zstd=400)
    sample = Sample(records=1, taken=taken, bound=bound, limit=200.0, rivals=rivals)
    return summed(corpus, key, f"<{key}>", [sample])


def drawn(*outcomes: Outcome) -> ET.Element:
    return ET.fromstring(svg(outcomes))  # noqa: S314 - our own


def bars(root: ET.Element, colour: str) -> list[float]:
    """Widths of the bars, without the legend's."""
    found = [each for each in root.iter(f"{NAMESPACE}rect") if each.get("fill") == colour]
    return [float(each.get("width", "")) for each in found][1:]


def test_each_scenario_of_each_corpus_is_named() -> None:
    outcomes = [outcome(corpus, each.key, 50) for corpus in ("chat", "sensors") for each in SCENARIOS]
    said = [text.text for text in drawn(*outcomes).iter(f"{NAMESPACE}text")]
    for name in ("chat", "sensors", *(f"<{each.key}>" for each in SCENARIOS)):
        assert name in said
    assert all(said.count(each.key) == 2 for each in SCENARIOS)


def test_bars_are_logarithmic_and_coloured_by_their_goal() -> None:
    root = drawn(outcome("chat", "a", 10), outcome("chat", "b", 100), outcome("chat", "c", 1_000))
    ten, hundred = bars(root, MET)
    [thousand] = bars(root, MISSED)
    assert hundred == pytest.approx(2 * ten, abs=0.2)
    assert thousand == pytest.approx(3 * ten, abs=0.2)


def test_what_was_not_measured_has_no_bar() -> None:
    root = drawn(outcome("chat", "a", None))
    assert bars(root, MET) == bars(root, MISSED) == []
    assert "not in this version" in [text.text for text in root.iter(f"{NAMESPACE}text")]


def test_no_bound_no_mark() -> None:
    def marks(bound: float) -> int:
        root = drawn(outcome("chat", "a", 60, bound=bound))
        return sum(each.get("stroke") == "#b3261e" for each in root.iter(f"{NAMESPACE}line"))

    assert marks(0.0) == marks(10.0) - 1


def test_the_picture_in_the_docs_is_of_these_scenarios() -> None:
    root = ET.parse(DOCS / "bytes.svg").getroot()  # noqa: S314 - our own
    said = {text.text for text in root.iter(f"{NAMESPACE}text")}
    assert {word for each in SCENARIOS for word in (each.key, each.title)} <= said
