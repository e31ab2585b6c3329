"""Golden trajectories: the first 20 losses of every method, head, pooling and kind of leg, which no refactoring moves.

A commit that means to change numbers records them again, alone, with BERTY_RECORD_GOLDEN=1 in the environment.
"""

import csv
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.tiny import REPOSITORY, TinyProject

FOLDER = Path(__file__).parent / "golden"
NUM_STEPS = 20
RELATIVE = 5e-5  # between two kinds of processor rounding has grown to 1.2e-5 by the twentieth step

ALL = ["sst", "para", "sts"]
# Name: the schedule and what else the row says. Each has 20 steps or more of the tiny corpus.
CASES: dict[str, tuple[list[dict], dict]] = {
    "three_tasks_sum": ([{"tasks": ALL, "epochs": 4}], {}),
    "three_tasks_pcgrad": ([{"tasks": ALL, "epochs": 4, "combine": "pcgrad"}], {}),
    "three_tasks_pair_regression": ([{"tasks": ALL, "epochs": 4}], {"heads": {"sts": "pair_regression"}}),
    "three_tasks_cls": ([{"tasks": ALL, "epochs": 4}], {"train": {"pooling": "cls"}}),
    "three_tasks_mean": ([{"tasks": ALL, "epochs": 4}], {"train": {"pooling": "mean"}}),
    "three_tasks_frozen": ([{"tasks": ALL, "epochs": 4, "encoder": "frozen"}], {}),
    "one_task_classify": ([{"tasks": ["sst"], "epochs": 7}], {}),
    "one_task_pair_classify": ([{"tasks": ["para"], "epochs": 4}], {}),
    "one_task_cosine_similarity": ([{"tasks": ["sts"], "epochs": 7}], {}),
    "one_task_frozen": ([{"tasks": ["sst"], "epochs": 7, "encoder": "frozen"}], {}),
    "one_task_torch_adamw": (
        [{"tasks": ["sts"], "epochs": 7}],
        {"train": {"adamw_form": "torch"}},
    ),
    "several_legs": (
        [
            {"tasks": ["sst"], "epochs": 2},
            {"tasks": ["para"], "epochs": 1, "encoder": "frozen"},
            {"tasks": ALL, "epochs": 2, "combine": "pcgrad"},
        ],
        {},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_first_losses_are_those_on_record(tiny: TinyProject, warm: Path, name: str):
    schedule, row = CASES[name]
    row = {**row, "train": {"log_every": 1, "keep": "last", **row.get("train", {})}}
    run = tiny.add_row(schedule, **row)
    # A process of its own: one thread from the start, whatever this one does.
    environment = os.environ | {"BERTY_THREADS": "1", "PATH": str(warm), "PYTHONPATH": str(REPOSITORY)}
    command = ["python", "-m", "stages.train", "--run", str(run.path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    losses = read_losses(tiny.record(run) / "record.json")[:NUM_STEPS]
    path = FOLDER / f"{name}.csv"
    if os.environ.get("BERTY_RECORD_GOLDEN"):
        with path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["step", "task", "loss"])
            writer.writerows((step, task, f"{loss:.9g}") for step, values in losses for task, loss in values.items())
    with path.open(newline="") as file:
        golden = {(int(line["step"]), line["task"]): float(line["loss"]) for line in csv.DictReader(file)}
    assert len(losses) == NUM_STEPS
    assert {(step, task): loss for step, values in losses for task, loss in values.items()} == pytest.approx(
        golden, rel=RELATIVE
    )


def read_losses(path: Path) -> list[tuple[int, dict[str, float]]]:
    """(step, loss of each task), in the order of the steps."""
    metrics = json.loads(path.read_text())["metrics"]
    steps: dict[int, dict[str, float]] = {}
    for key in sorted(metrics):
        if key.startswith("loss/"):
            for step, _, value in metrics[key]:
                steps.setdefault(step, {})[key.removeprefix("loss/")] = value
    return sorted(steps.items())
