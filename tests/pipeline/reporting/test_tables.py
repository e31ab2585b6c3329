"""The tables against means and deviations computed by hand."""

import pytest

from pipeline.reporting.results import read_results
from pipeline.reporting.tables import (
    TABLE_COLUMNS,
    score_table,
    table_metrics,
    trivial_scores,
)

# Overall per seed: .6 and .7, so their mean is .65 and their sample deviation .1 / sqrt(2).
THREE_TASKS = [{"sst": 0.4, "para": 0.8, "sts": 0.6}, {"sst": 0.6, "para": 0.8, "sts": 0.7}]
PAPER = {"sst": 0.484, "para": 0.803, "sts": 0.746, "overall": 0.678}


def read(profile):
    return read_results(profile.root, "demo")


def test_table2_by_hand(profile):
    profile.add("phase2", "iteration_3", THREE_TASKS, paper=PAPER)
    table = score_table(read(profile), "phase2")
    assert tuple(table.columns) == TABLE_COLUMNS == ("row", "task", "metric", "mean", "sd", "n", "paper")
    assert list(table["row"]) == ["iteration_3"] * 4
    assert list(table["task"]) == ["sst", "para", "sts", "overall"]
    assert list(table["metric"]) == ["accuracy", "accuracy", "pearson", "mean"]
    assert list(table["mean"]) == pytest.approx([0.5, 0.8, 0.65, 0.65])
    assert list(table["sd"]) == pytest.approx([0.2 / 2**0.5, 0.0, 0.1 / 2**0.5, 0.1 / 2**0.5])
    assert list(table["n"]) == [2] * 4
    assert list(table["paper"]) == [0.484, 0.803, 0.746, 0.678]


def test_one_seed_has_no_deviation_and_no_paper_value_stays_empty(single_seed_profile, tmp_path):
    single_seed_profile.add("part1", "sst_pretrain", [{"sst": 0.375}], paper={"sst": 0.399})
    single_seed_profile.add("part1", "sst_other", [{"sst": 0.5}])
    table = score_table(read(single_seed_profile), "part1")
    csv = table.to_csv(index=False)
    assert csv == (
        "row,task,metric,mean,sd,n,paper\nsst_pretrain,sst,accuracy,0.375,,1,0.399\nsst_other,sst,accuracy,0.5,,1,\n"
    )


def test_overall_is_that_of_the_row_s_own_tasks(profile):
    profile.add("phase2", "three", THREE_TASKS)
    profile.add("phase2", "two", [{"sst": 0.4, "sts": 0.6}, {"sst": 0.6, "sts": 0.7}], paper={"overall": 0.5})
    profile.add("phase2", "one", [{"sst": 0.4}, {"sst": 0.6}])
    table = score_table(read(profile), "phase2")
    assert list(table["task"]) == ["sst", "para", "sts", "overall", "sst", "sts", "overall", "sst"]
    overall = table[table["task"] == "overall"].set_index("row")
    assert overall["mean"].to_dict() == pytest.approx({"three": 0.65, "two": 0.575})
    assert overall["paper"]["two"] == 0.5


def test_metrics_of_both_tables_together(profile):
    profile.add("part1", "sst_pretrain", [{"sst": 0.25}, {"sst": 0.75}])
    profile.add("phase2", "iteration_3", THREE_TASKS)
    results = read(profile)
    metrics = table_metrics(score_table(results, "part1"), score_table(results, "phase2"))
    assert metrics["sst_pretrain"] == {"sst.accuracy": 0.5}
    assert metrics["iteration_3"] == pytest.approx(
        {"sst.accuracy": 0.5, "para.accuracy": 0.8, "sts.pearson": 0.65, "overall": 0.65}
    )


def test_same_row_name_in_both_tables_is_refused(profile):
    for phase in ("part1", "phase2"):
        profile.add(phase, "row", [{"sst": 0.5}, {"sst": 0.5}])
    results = read(profile)
    with pytest.raises(ValueError, match="row row is in two tables"):
        table_metrics(score_table(results, "part1"), score_table(results, "phase2"))


def test_trivial_scores_are_the_commonest_class_and_no_correlation(profile):
    profile.add("phase2", "row", THREE_TASKS)
    assert trivial_scores(read(profile), "phase2") == pytest.approx(
        {"sst": 0.25, "para": 0.625, "sts": 0.0, "overall": 0.875 / 3}
    )


def test_rows_evaluated_on_different_dev_sets_are_refused(profile):
    profile.add("phase2", "row", [{"sst": 0.5}, {"sst": 0.5}])
    profile.write_evaluation("phase2", "row", 1, {"sst": 0.5}, extra={"sst.majority_accuracy": 0.3})
    with pytest.raises(ValueError, match="phase2/row-1: the commonest class of sst scores 0.3"):
        trivial_scores(read(profile), "phase2")
