"""What a sweep is before anything trains: what it starts from, what it refuses, what makes it another."""

from pathlib import Path

import pytest

from pipeline.files.atomic import read_json
from pipeline.runs.run_files import read_run
from pipeline.training.begin import train
from pipeline.training.loop import Training
from tests.pipeline.sweep.conftest import RANGES, open_sweep
from tests.tiny import PROFILE


def test_a_row_that_starts_from_phase_1_says_what_makes_it_and_starts_from_it(project):
    project.plan()
    with pytest.raises(ValueError, match="dvc repro phase1@tiny-sst_then_sts-0"):
        open_sweep(row="iteration_2")
    train(project.run("phase1", "sst_then_sts"))
    sweep = open_sweep(row="iteration_2")
    task = sweep.write(0, {"train.learning_rate": 1e-3})
    start = read_json(task.path.with_name("start.json"))
    assert start["weights"].endswith("phase1/sst_then_sts-0/weights.safetensors")
    Training(read_run(task.path, start_path=task.path.with_name("start.json")), Path(), task.path.parent)


@pytest.mark.parametrize("keep", ["last", "best_on_dev"])
def test_only_held_out_examples_may_choose(project, keep):
    project.change(iterations__new__train={"keep": keep})
    with pytest.raises(ValueError, match=rf"iterations\.new\.train\.keep: {keep}; allowed: best"):
        open_sweep()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"row": "none"}, "row 'none': allowed: those in `rows`"),
        ({"seed": 7}, "--seed 7: allowed: the seeds of new: 0"),
        ({"ranges": ["train.selection_fraction=0.1..0.2"]}, "scored by other examples"),
        ({"ranges": ["train.learning_rate=0.1..2.0"]}, r"train\.learning_rate: Input should be less than 1"),
        ({"ranges": ["train.lr=0.1..0.2"]}, "unknown key 'lr'"),
        ({"ranges": ["schedule.0.loss_weights.cfimdb=0.1..0.2"]}, "'cfimdb' is unknown; allowed: sst, para, sts"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_trains(project, changes, said):
    with pytest.raises(ValueError, match=said):
        open_sweep(**changes)
    assert not (project.root / "artifacts" / PROFILE / "sweeps").exists()


def test_other_data_numbers_or_ranges_are_another_sweep(project):
    folders = [open_sweep().folder, open_sweep().folder, open_sweep(RANGES[:1]).folder]
    project.change(iterations__new__train__beta1=0.8)
    folders.append(open_sweep().folder)
    project.change(iterations__new__note="another note")
    folders.append(open_sweep().folder)
    assert folders[0] == folders[1] and folders[3] == folders[4]
    assert len(set(folders)) == 3
