"""A run that is killed anywhere ends, when it is started again, bit for bit where an undisturbed one does."""

import errno
import os
import shutil
import subprocess
import sys

import pytest

from pipeline.files.atomic import read_json
from pipeline.runs import layout
from pipeline.training import checkpoint, run_record
from pipeline.training.begin import train
from pipeline.training.checkpoint import read_progress
from pipeline.training.loop import Training
from tests.pipeline.training.conftest import LEGS, NUM_STEPS, Killed, list_hidden, read_results
from tests.tiny import REPOSITORY

# Before the first step, where a leg begins, within an epoch, at the last step; another test kills at every other one.
KILLS = (0, 6, 13, 20)


def num_resumed(tiny, run):
    return read_json(tiny.record(run) / "record.json")["tags"]["num_resumed"]


@pytest.mark.parametrize("kill_at", KILLS)
def test_a_run_killed_at_a_step_goes_on_from_there(tiny, undisturbed, steps, kill_at):
    run, expected = undisturbed
    steps.kill_at = kill_at
    with pytest.raises(Killed):
        train(run)
    steps.kill_at = None
    train(run)
    assert read_results(tiny, run) == expected
    assert len(steps.taken) == len(set(steps.taken)) == NUM_STEPS  # no step twice: it went on
    assert num_resumed(tiny, run) == ("0" if kill_at == 0 else "1")
    assert not (tiny.root / layout.work(run.key)).exists()


@pytest.mark.parametrize("drawn", [{"regulariser": {"smart": {"epsilon": 0.1}}}, {"mixout": 0.5}])
def test_what_is_drawn_in_a_step_is_drawn_again(tiny, steps, monkeypatch, drawn):
    monkeypatch.setenv("BERTY_CHECKPOINT_SECONDS", "0")
    run = tiny.add_row(LEGS, train=drawn)
    train(run)
    expected = read_results(tiny, run)
    for folder in (tiny.model(run), tiny.record(run)):
        shutil.rmtree(folder)
    for kill_at in (NUM_STEPS + 4, NUM_STEPS + 8, NUM_STEPS + 17):
        steps.kill_at = kill_at
        with pytest.raises(Killed):
            train(run)
    steps.kill_at = None
    train(run)
    assert read_results(tiny, run) == expected
    assert (len(steps.taken), num_resumed(tiny, run)) == (2 * NUM_STEPS, "3")


def test_a_run_killed_again_and_again_ends_in_the_same_place(tiny, undisturbed, steps):
    run, expected = undisturbed
    for kill_at in range(1, NUM_STEPS, 2):
        steps.kill_at = kill_at
        with pytest.raises(Killed):
            train(run)
    steps.kill_at = None
    train(run)
    assert read_results(tiny, run) == expected
    assert (len(steps.taken), num_resumed(tiny, run)) == (NUM_STEPS, "10")


@pytest.mark.parametrize("average", [{"ema": {"decay": 0.9}}, {"swa": {"first": 2}}], ids=str)
def test_with_every_option_on_it_ends_in_the_same_place(tiny, steps, monkeypatch, average):
    train_keys = {
        "accumulate": 3, "average": average, "clip_norm": 1.0, "decay_all": False, "patience": 1, "weight_decay": 0.1,
        "learning_rate_schedule": {"warmup_cosine": {"warmup": 0.3}}, "regulariser": "r_drop", "mixout": 0.2,
        "rates": {"gradual_unfreezing": {"fraction": 0.8}},
    }  # fmt: skip
    run = tiny.add_row([{**leg, "epochs": leg["epochs"] + 1} for leg in LEGS], train=train_keys)
    train(run)
    expected, num_steps = read_results(tiny, run), len(steps.taken)
    steps.taken.clear()
    monkeypatch.setenv("BERTY_CHECKPOINT_SECONDS", "0")
    for kill_at in range(1, num_steps, 4):
        steps.kill_at = kill_at
        with pytest.raises(Killed):
            train(run)
    steps.kill_at = None
    train(run)
    assert read_results(tiny, run) == expected
    assert len(steps.taken) == num_steps


@pytest.mark.parametrize("kill_at", [9, 19])
def test_steps_after_the_last_checkpoint_are_taken_again_and_logged_once(
    tiny, undisturbed, steps, monkeypatch, kill_at
):
    run, expected = undisturbed
    save = Training._save_checkpoint

    def save_every_fourth(self):
        if self.state.progress.total_steps % 4 == 0:
            save(self)

    monkeypatch.setattr(Training, "_save_checkpoint", save_every_fourth)
    steps.kill_at = kill_at
    with pytest.raises(Killed):
        train(run)
    steps.kill_at = None
    train(run)
    assert len(steps.taken) == NUM_STEPS + kill_at % 4
    assert read_results(tiny, run) == expected


@pytest.mark.parametrize("where", ["_finish_epoch", "_write_outputs"])
def test_a_run_killed_between_the_steps_ends_in_the_same_place(tiny, undisturbed, monkeypatch, where):
    run, expected = undisturbed
    function, calls = getattr(Training, where), []

    def kill_after(self, *arguments):
        function(self, *arguments)
        calls.append(where)
        raise Killed

    for _ in range(2):
        with pytest.raises(Killed), monkeypatch.context() as patch:
            patch.setattr(Training, where, kill_after)
            train(run)
    train(run)
    assert read_results(tiny, run) == expected
    assert len(calls) == 2


def test_a_run_whose_record_could_not_be_written_trains_nothing_again(tiny, undisturbed, steps, monkeypatch):
    run, expected = undisturbed

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError), monkeypatch.context() as patch:
        patch.setattr(run_record, "write_record", refuse)
        train(run)
    assert tiny.model(run).exists() and not tiny.record(run).exists()
    train(run)
    assert read_results(tiny, run) == expected
    assert len(steps.taken) == NUM_STEPS
    assert list_hidden(tiny.root) == []


def test_a_process_that_dies_leaves_a_run_that_goes_on(tiny, undisturbed, steps):
    run, expected = undisturbed
    program = f"""
import os, sys
from pipeline.runs.run_files import read_run
from pipeline.training.begin import train
from pipeline.training.optimization import LegOptimizer
take, taken = LegOptimizer.step, []
def step(*arguments):
    if len(taken) == 13:
        os._exit(9)
    taken.append(1)
    return take(*arguments)
LegOptimizer.step = step
train(read_run({str(run.path)!r}))
"""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    died = subprocess.run([sys.executable, "-c", program], cwd=tiny.root, env=environment, capture_output=True)
    assert died.returncode == 9, died.stderr.decode()
    train(run)
    assert read_results(tiny, run) == expected
    assert (len(steps.taken), num_resumed(tiny, run)) == (NUM_STEPS - 13, "1")


def test_a_full_disk_leaves_the_last_checkpoint_as_it_was(tiny, undisturbed, steps, monkeypatch):
    run, expected = undisturbed
    path = tiny.root / layout.work(run.key) / "checkpoint.safetensors"
    save, sizes = checkpoint.save_file, []

    def save_until_full(tensors, file, metadata):
        save(tensors, file, metadata)
        if len(sizes) == 8:
            sizes.append(path.read_bytes())
            os.truncate(file, 100)
            raise OSError(errno.ENOSPC, "No space left on device")
        sizes.append(0)

    with pytest.raises(OSError, match="No space left"), monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", save_until_full)
        train(run)
    assert path.read_bytes() == sizes[-1] and read_progress(path).total_steps == 8
    assert list_hidden(tiny.root) == []
    train(run)
    assert read_results(tiny, run) == expected
    assert len(steps.taken) == NUM_STEPS + 1  # the step that found no room is taken again


@pytest.mark.parametrize("damage", [os.unlink, lambda path: path.write_bytes(b"half a li\n" + path.read_bytes()[9:])])
def test_a_damaged_or_missing_log_costs_nothing(tiny, undisturbed, steps, damage):
    run, expected = undisturbed
    steps.kill_at = 13
    with pytest.raises(Killed):
        train(run)
    damage(tiny.root / layout.work(run.key) / "events.jsonl")
    steps.kill_at = None
    train(run)
    assert read_results(tiny, run) == expected
    assert (len(steps.taken), num_resumed(tiny, run)) == (NUM_STEPS, "1")


def test_a_damaged_checkpoint_is_named(tiny, undisturbed):
    run, _ = undisturbed
    path = tiny.root / layout.work(run.key) / "checkpoint.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"checkpoint\.safetensors: not a checkpoint .* begins the run anew"):
        train(run)
