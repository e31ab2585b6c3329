"""The tidy data of what happened during training."""

import pytest

from pipeline.reporting.histories import (
    CONFLICT_COLUMNS,
    CURVE_COLUMNS,
    NORM_COLUMNS,
    conflict_table,
    curve_table,
    norm_table,
)
from pipeline.reporting.results import read_results

SCORES = [{"sst": 0.4}, {"sst": 0.6}]


def read(profile):
    return read_results(profile.root, "demo")


def test_curves_name_their_run(profile):
    profile.add("phase2", "row", SCORES)
    profile.write_run("phase2", "row", 0, history="1,1,10,train,sst,accuracy,0.5\n1,1,10,dev,sst,accuracy,0.25\n")
    profile.write_run("phase2", "row", 1, history="2,1,30,dev,sst,accuracy,0.75\n")
    table = curve_table(read(profile).runs)
    assert tuple(table.columns) == CURVE_COLUMNS
    assert table.values.tolist() == [
        ["phase2", "row", 0, 1, 1, "sst", "train", "accuracy", 0.5],
        ["phase2", "row", 0, 1, 1, "sst", "dev", "accuracy", 0.25],
        ["phase2", "row", 1, 2, 1, "sst", "dev", "accuracy", 0.75],
    ]


def test_conflicts_pair_cosine_and_share_by_step(profile):
    profile.add("phase2", "row", SCORES)
    metrics = {
        "gradients/cosine.sst_para": [[10, 1, 0.1], [20, 2, -0.2]],
        "gradients/conflict.sst_para": [[20, 2, 0.75], [10, 1, 0.25]],
        "loss/sst": [[10, 1, 1.0]],
    }
    profile.write_run("phase2", "row", 1, metrics=metrics)
    table = conflict_table(read(profile))
    assert tuple(table.columns) == CONFLICT_COLUMNS
    assert table.values.tolist() == [
        ["phase2", "row", 1, "sst_para", 10, 0.1, 0.25],
        ["phase2", "row", 1, "sst_para", 20, -0.2, 0.75],
    ]


def test_cosine_without_its_share_is_named(profile):
    profile.add("phase2", "row", SCORES)
    profile.write_run("phase2", "row", 1, metrics={"gradients/cosine.sst_para": [[10, 1, 0.1]]})
    with pytest.raises(ValueError, match="phase2/row-1: gradients/cosine.sst_para without gradients/conflict.sst_para"):
        conflict_table(read(profile))


def test_norms_are_of_a_task_at_a_step(profile):
    profile.add("phase2", "row", SCORES)
    metrics = {"gradients/norm.sst": [[10, 1, 0.5], [20, 2, 0.25]], "gradients/norm.sts": [[10, 1, 20.0]]}
    profile.write_run("phase2", "row", 1, metrics=metrics)
    table = norm_table(read(profile))
    assert tuple(table.columns) == NORM_COLUMNS
    assert table.values.tolist() == [
        ["phase2", "row", 1, "sst", 10, 0.5],
        ["phase2", "row", 1, "sst", 20, 0.25],
        ["phase2", "row", 1, "sts", 10, 20.0],
    ]
