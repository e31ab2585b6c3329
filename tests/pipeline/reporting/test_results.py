"""Reading results: what the plan lists and nothing else, and every gap named."""

import pytest

from pipeline.reporting.results import read_results

SCORES = [{"sst": 0.4}, {"sst": 0.6}]


def read(profile):
    return read_results(profile.root, "demo")


def test_reads_every_seed_of_every_listed_row_in_order(profile):
    profile.add("phase2", "second", SCORES)
    profile.add("phase2", "first", SCORES)
    profile.add("part1", "sst_pretrain", SCORES)
    runs = read(profile).runs
    assert [(run.phase, run.row, run.seed) for run in runs] == [
        ("part1", "sst_pretrain", 0),
        ("part1", "sst_pretrain", 1),
        ("phase2", "second", 0),
        ("phase2", "second", 1),
        ("phase2", "first", 0),
        ("phase2", "first", 1),
    ]
    assert [run.score("sst.accuracy") for run in runs[2:4]] == [0.4, 0.6]


def test_phase1_needs_no_evaluation(profile):
    profile.index["phase1"].append({"row": "sst_then_sts", "tasks": ["sst", "sts"]})
    profile.save()
    for seed in (0, 1):
        profile.write_run("phase1", "sst_then_sts", seed)
    assert [run.evaluation for run in read(profile).runs] == [None, None]


@pytest.mark.parametrize(
    "missing", ["phase2/row-1/record.json", "eval_phase2/row-1/record.json", "phase2/row-1/history.csv"]
)
def test_missing_file_is_named(profile, missing):
    profile.add("phase2", "row", SCORES)
    (profile.records / missing).unlink()
    with pytest.raises(ValueError, match=f"{missing}: no such file"):
        read(profile)


def test_failed_run_is_named_with_its_status(profile):
    profile.add("phase2", "row", SCORES)
    profile.write_run("phase2", "row", 1, status="killed")
    with pytest.raises(ValueError, match="phase2/row-1/record.json: status is 'killed'"):
        read(profile)


def test_record_of_another_run_is_refused(profile):
    profile.add("phase2", "row", SCORES)
    profile.write_evaluation("phase2", "row", 1, {"sst": 0.5}, seed=0)
    with pytest.raises(ValueError, match="eval_phase2/row-1/record.json: .* are those of .*eval_phase2/row-0"):
        read(profile)


def test_evaluation_of_other_weights_is_refused(profile):
    profile.add("phase2", "row", SCORES)
    profile.write_evaluation("phase2", "row", 1, {"sst": 0.5}, run_key="stale")
    with pytest.raises(ValueError, match="evaluates run stale, but this is run key-of-phase2-row-1"):
        read(profile)


def test_history_with_other_columns_is_refused(profile):
    profile.add("phase2", "row", SCORES)
    (profile.records / "phase2/row-0/history.csv").write_text("epoch,value\n")
    with pytest.raises(ValueError, match="history.csv: columns epoch,value, expected leg,epoch"):
        read(profile)
