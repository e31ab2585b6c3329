"""Rows against their controls: differences by hand, intervals, and marks only where Holm leaves them."""

import math

import pytest

from pipeline.reporting.controls import control_table
from pipeline.reporting.intervals import measure_scores
from pipeline.reporting.results import read_results
from pipeline.statistics.holm import adjust


def compare(profile):
    results = read_results(profile.root, "demo")
    return control_table(results, measure_scores(results, "phase2"))


def test_controls_are_differences_seed_by_seed(profile):
    profile.add("phase2", "iteration_2", [{"sst": 0.5, "para": 0.7}, {"sst": 0.7, "para": 0.7}])
    profile.add("phase2", "row", [{"sst": 0.6, "sts": 0.2}, {"sst": 0.8, "sts": 0.2}], control="iteration_2")
    table = compare(profile)
    assert table[["row", "control", "task", "metric", "n"]].values.tolist() == [
        ["row", "iteration_2", "sst", "accuracy", 2]
    ]
    # Both rows move by .2 between the seeds, their difference by nothing; but two seeds of one pair are not believed.
    assert (table["difference"][0], table["sd"][0]) == pytest.approx((0.1, 0.0))
    assert table["low"][0] < 0 < table["high"][0]
    assert table["mark"][0] == ""


def test_overall_is_compared_where_both_rows_evaluate_the_same_tasks(profile):
    profile.add("phase2", "control", [{"sst": 0.5, "para": 0.9, "sts": 0.1}] * 2)
    profile.add("phase2", "same", [{"sst": 0.5, "para": 0.8, "sts": 0.1}] * 2, control="control")
    profile.add("phase2", "fewer", [{"sst": 0.5, "para": 0.9}] * 2, control="control")
    table = compare(profile)
    tasks = table.groupby("row", sort=False)["task"].agg(list).to_dict()
    assert tasks == {"same": ["sst", "para", "sts", "overall"], "fewer": ["sst", "para"]}


def test_a_mark_says_which_way_and_only_where_it_is_sure(profile):
    scores = {"sst": 0.5, "para": 0.9, "sts": 0.1}
    profile.add("phase2", "control", [scores, scores])
    changed = {"sst": 0.525, "para": 0.1, "sts": 0.98}
    profile.add("phase2", "row", [changed, changed], control="control")
    table = compare(profile).set_index("task")
    assert list(table.index) == ["sst", "para", "sts", "overall"]
    assert table["mark"].to_dict() == {"sst": "", "para": "▼", "sts": "▲", "overall": ""}
    assert list(table["p_holm"]) == pytest.approx(adjust(list(table["p"])))
    for line in table[table["mark"] != ""].itertuples():
        assert line.low * line.high > 0 and line.p_holm < 0.05


def test_a_single_seed_is_marked_only_where_other_rows_say_how_much_seeds_move(profile):
    profile.add("phase2", "control", [{"sts": 0.1}], seeds=[0])
    profile.add("phase2", "row", [{"sts": 0.98}], control="control", seeds=[0])
    (alone,) = compare(profile).itertuples()
    assert alone.low > 0.5 and math.isnan(alone.p) and math.isnan(alone.p_holm) and alone.mark == ""
    profile.add("phase2", "other", [{"sts": 0.1}, {"sts": 0.11}])
    (among,) = compare(profile).itertuples()
    assert (among.n, among.mark) == (1, "▲") and among.high - among.low > alone.high - alone.low


def test_more_comparisons_need_more_than_one(profile):
    """A difference that would be marked alone, among nine rows without any."""
    profile.add("phase2", "control", [{"sst": 0.5}, {"sst": 0.5}])
    profile.add("phase2", "row", [{"sst": 0.575}, {"sst": 0.575}], control="control")
    for number in range(9):
        profile.add("phase2", f"row_{number}", [{"sst": 0.5}, {"sst": 0.5}], control="control")
    table = compare(profile)
    assert table["p"][0] < 0.05 < table["p_holm"][0] == pytest.approx(10 * table["p"][0])
    assert list(table["mark"]) == [""] * 10


def test_only_seeds_that_both_rows_have_are_compared(profile):
    profile.add("phase2", "control", [{"sst": 0.5}, {"sst": 0.7}])
    profile.add("phase2", "row", [{"sst": 0.6}], control="control", seeds=[0])
    table = compare(profile)
    assert (table["n"][0], table["difference"][0]) == (1, pytest.approx(0.1))


def test_rows_without_a_seed_in_common_are_refused(profile):
    profile.add("phase2", "control", [{"sst": 0.5}], seeds=[1])
    profile.add("phase2", "row", [{"sst": 0.6}], control="control", seeds=[0])
    with pytest.raises(ValueError, match="row has seeds .0,., its control control .1,."):
        compare(profile)


def test_control_that_is_not_in_the_plan_is_named(profile):
    profile.add("phase2", "row", [{"sst": 0.5}, {"sst": 0.5}], control="gone")
    with pytest.raises(ValueError, match="row row: its control 'gone' is not in the plan"):
        compare(profile)
