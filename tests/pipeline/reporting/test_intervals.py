"""Intervals from predictions: whose they are, what one seed leaves out, and what is refused."""

import pytest

from pipeline.reporting.intervals import INTERVAL_COLUMNS, interval_table, measure_scores
from pipeline.reporting.results import read_results

THREE_TASKS = [{"sst": 0.4, "para": 0.8, "sts": 0.6}, {"sst": 0.6, "para": 0.8, "sts": 0.7}]


def measure(profile, *phases):
    results = read_results(profile.root, "demo")
    scores = {phase: measure_scores(results, phase) for phase in phases}
    return interval_table(results, scores).set_index(["phase", "row", "task"])


def test_every_row_and_task_has_an_interval_around_its_mean(profile):
    profile.add("part1", "sst_pretrain", [{"sst": 0.25}, {"sst": 0.75}])
    profile.add("phase2", "row", THREE_TASKS)
    profile.add("phase2", "partial", [{"sst": 0.5}, {"sst": 0.5}])
    table = measure(profile, "part1", "phase2")
    assert [*table.index.names, *table.columns] == list(INTERVAL_COLUMNS)
    assert list(table.index) == [
        ("part1", "sst_pretrain", "sst"),
        *(("phase2", "row", task) for task in ("sst", "para", "sts", "overall")),
        ("phase2", "partial", "sst"),
    ]
    assert (table["low"] < table["mean"]).all() and (table["mean"] < table["high"]).all()
    assert table["mean"].tolist() == pytest.approx([0.5, 0.5, 0.8, 0.65, 0.65, 0.5])
    assert (table["n"] == 2).all() and table["seed_sd"].notna().all()


def test_collapse_is_seen_in_the_predictions(profile):
    profile.add("phase2", "row", THREE_TASKS)
    profile.collapse("phase2", "row", 0, "sst")
    profile.collapse("phase2", "row", 1, "sst", "sts")
    assert measure(profile, "phase2")["collapsed"].tolist() == [2, 0, 1, 2]


def test_one_seed_leaves_the_seeds_out(single_seed_profile):
    single_seed_profile.add("phase2", "row", THREE_TASKS[:1])
    table = measure(single_seed_profile, "phase2")
    assert table["seed_sd"].isna().all()
    line = table.loc[("phase2", "row", "sst")]
    assert (line["high"] - line["low"]) / 2 == pytest.approx(1.96 * (0.4 * 0.6 / 40) ** 0.5, rel=0.1)


def test_predictions_that_are_missing_are_named(profile):
    profile.add("phase2", "row", THREE_TASKS)
    (profile.predictions / "phase2/row-1/sts.csv").unlink()
    with pytest.raises(ValueError, match="phase2/row-1: no predictions of sts, though the plan lists this run"):
        measure(profile, "phase2")


def test_rows_on_different_examples_are_refused(profile):
    profile.add("phase2", "row", [{"sst": 0.5}, {"sst": 0.5}])
    path = profile.predictions / "phase2/row-1/sst.csv"
    path.write_text(path.read_text().replace("id3,", "id99,"))
    with pytest.raises(ValueError, match="row-1/sst.csv: other ids than .*row-0/sst.csv"):
        measure(profile, "phase2")
