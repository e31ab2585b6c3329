"""A comparison in words: the terminal's table, the comment, and JSON."""

import json

import pytest

from pipeline.gate.collapse import Collapse
from pipeline.gate.comparison import Comparison, Floor
from pipeline.gate.comparison_text import render_markdown, render_terminal, to_json
from pipeline.gate.verdicts import Verdict


def verdict(row: str, name: str, difference: float, **changes) -> Verdict:
    fields = {
        "phase": "phase2", "row": row, "task": "sst", "metric": "accuracy", "verdict": name, "baseline": 0.5,
        "current": 0.5 + difference, "difference": difference, "low": difference - 0.01, "high": difference + 0.01,
        "p_drop": 0.01, "p_gain": 0.99, "margin": 0.02, "smallest_drop": 0.035, "baseline_seeds": 3,
        "current_seeds": 3, "note": "",
    }  # fmt: skip
    return Verdict(**(fields | changes))


SAME = verdict(
    "same", "equivalent", 0.0, low=0.0, high=0.0, smallest_drop=None, note="identical predictions", is_identical=True
)
WORSE = verdict("worse", "regressed", -0.05)


@pytest.fixture
def comparison() -> Comparison:
    floors = [Floor("worse", "sst", 0.48, 0.45), Floor("same", "sst", 0.4, 0.5)]
    return Comparison("before", "after", [SAME, WORSE], ["phase2/new/sst"], floors)


def test_terminal_line_by_line(comparison):
    lines = render_terminal(comparison).splitlines()
    assert lines[0].split() == "phase row task baseline current difference 95% interval could see verdict note".split()
    assert lines[1].split() == (
        "phase2 same sst 0.5000 0.5000 +0.0000 +0.0000 to +0.0000 equivalent identical predictions".split()
    )
    assert lines[2].split() == "phase2 worse sst 0.5000 0.4500 -0.0500 -0.0600 to -0.0400 0.0350 regressed".split()
    assert lines[4:] == [
        "2 comparisons: 1 regressed, 0 both collapsed, 0 inconclusive, 1 equivalent, 0 improved; "
        "1 of them have identical predictions.",
        "Without a counterpart in the baseline: phase2/new/sst.",
        "regressed: worse sst (phase2): 0.5000 to 0.4500, -0.0500 (-0.0600 to -0.0400).",
        "below its floor: worse sst: 0.4500, at least 0.48.",
    ]


def test_json_is_all_of_it(comparison):
    content = json.loads(json.dumps(to_json(comparison), allow_nan=False))
    assert content["regressed"] is True
    assert content["counts"] == {"regressed": 1, "both collapsed": 0, "inconclusive": 0, "equivalent": 1, "improved": 0}
    assert content["verdicts"][1]["difference"] == -0.05
    assert [floor["is_kept"] for floor in content["floors"]] == [False, True]


@pytest.mark.parametrize(
    ("verdicts", "floors", "collapses", "regressed"),
    [
        ([SAME], [], [], False),
        ([WORSE], [], [], True),
        ([SAME], [Floor("r", "sst", 0.4, 0.3)], [], True),
        ([SAME], [], [Collapse("r", "sst", "", 1, 3, is_allowed=True)], False),
        ([SAME], [], [Collapse("r", "sst", "", 1, 3, is_allowed=False)], True),
    ],
)
def test_what_counts_as_regressed(verdicts, floors, collapses, regressed):
    comparison = Comparison("before", "after", verdicts, [], floors, collapses)
    assert comparison.is_regressed is regressed
    assert ("no regression" in render_markdown(comparison)) is not regressed
