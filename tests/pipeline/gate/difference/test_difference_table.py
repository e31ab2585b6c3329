"""Two rows of a profile: the numbers of `stages.diff` are those of the report's tables."""

from statistics import fmean

import pandas as pd
import pytest

from pipeline.gate.difference import find_difference
from pipeline.gate.difference_side import read_side
from pipeline.gate.difference_table import pair_sides
from pipeline.reporting.report import write_report
from tests.pipeline.reporting.conftest import METRICS, Profile

GATE = dict.fromkeys(METRICS, 0.02), dict.fromkeys(METRICS, 0.006)
NUMBERS = ["difference", "low", "high", "mark"]


@pytest.fixture
def reported(tmp_path):
    """Three seeds of four rows; `more` has two of them, and is collapsed on para as its control is."""
    profile = Profile(tmp_path, seeds=[0, 1, 2])
    for row, gain, seeds in (("plain", 0.0, 3), ("better", 0.3, 3), ("more", 0.35, 2), ("other", 0.05, 3)):
        scores = [{"sst": 0.4 + gain + seed / 40, "para": 0.6, "sts": 0.3 + gain} for seed in range(seeds)]
        control = {"better": "plain", "more": "better", "other": "plain"}.get(row)
        profile.add("phase2", row, scores, **{"control": control} if control else {}, seeds=list(range(seeds)))
        for seed, by_task in enumerate(scores):
            profile.write_evaluation("phase2", row, seed, by_task, extra={"overall": fmean(by_task.values())})
    for row in ("better", "more"):
        for seed in (0, 1, 2)[: 2 if row == "more" else 3]:
            profile.collapse("phase2", row, seed, "para")
    write_report("demo", tmp_path)
    return profile


def compare(profile, one, other):
    sides = [read_side(row, profile.root, "demo", [row]) for row in (one, other)]
    one, other, paired = pair_sides(*sides, profile.root, "demo")
    found = find_difference(one, other, *GATE, paired)
    scores = {score.metric.partition(".")[0]: score for score in found.scores}
    return (one.name, other.name), found, scores


@pytest.mark.parametrize("names", [("plain", "better"), ("better", "plain"), ("better", "more"), ("more", "better")])
def test_a_row_and_its_control_are_the_line_of_the_table(reported, names):
    ordered, found, scores = compare(reported, *names)
    table = pd.read_csv(reported.results / "controls.csv", keep_default_na=False).set_index(["row", "control", "task"])
    lines = table.loc[ordered[::-1]]
    assert found.paired.is_of_table and set(lines.index) == set(scores)
    for task, line in lines.iterrows():
        score = scores[task]
        assert score.both_collapsed == (line.difference == "")
        if not score.both_collapsed:
            numbers = (score.difference, *score.interval)
            assert numbers == pytest.approx([float(line[name]) for name in NUMBERS[:3]], abs=1e-12)
        assert score.mark == line["mark"]
    assert scores["para"].both_collapsed == (ordered == ("better", "more"))


def test_other_pairs_know_what_the_table_knows_and_turn_their_sign(reported):
    (_, there, scores), (_, _, back) = compare(reported, "other", "better"), compare(reported, "better", "other")
    assert not there.paired.is_of_table and scores["sst"].difference > 0
    for task in ("sst", "sts"):
        low, high = back[task].interval
        assert (scores[task].difference, *scores[task].interval) == pytest.approx((-back[task].difference, -high, -low))


def test_an_incomplete_table_leaves_the_two_rows_and_says_so(reported):
    (reported.records / "phase2/other-2/record.json").unlink()
    _, found, scores = compare(reported, "plain", "better")
    assert found.paired is None and scores["sst"].interval and "no table of all rows" in found.remarks[0]
