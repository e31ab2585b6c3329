"""Run files as plan writes them are what training takes; any other is named with its key before it trains."""

from typing import Any

import pytest

from pipeline.files.atomic import read_json, write_json
from pipeline.runs import layout
from pipeline.runs.run_files import read_run
from pipeline.runs.run_schema import check_run_file
from stages import train
from tests.tiny import PROFILE, call_stage

PATH = layout.run_file(PROFILE, "part1", "sst_finetune", 0)


def change(path, key: str, value: Any) -> None:
    content = found = read_json(path)
    *folders, last = key.split(".")
    for folder in folders:
        found = found[int(folder) if isinstance(found, list) else folder]
    found[last] = value
    write_json(path, content)


def test_what_plan_writes_is_taken(tiny):
    leg = {"tasks": ["sst", "sts"], "epochs": 1, "combine": {"uncertainty": {}}, "loss_weights": {"sts": 0.04}}
    train = {"regulariser": {"r_drop": {"alpha": 0.5}}, "weight_decay": 0.01, "keep": "last", "head_width": 8}
    tiny.change(iterations__options={"schedule": [leg], "train": train})
    runs = tiny.plan()
    start_path = tiny.start("options").start_path
    assert len(runs) > 10
    for path in (layout.plan(PROFILE) / "runs" / f"{name}.json" for name in runs):
        check_run_file(read_run(path, start_path=start_path))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tasks.sst.head", 5),
        ("tasks.sst.tokens.dev", "../../secret"),
        ("tasks.sst.text.max_length", "64"),
        ("train.learning_rate", "1e-5"),
        ("train.eps", 10**40),
        ("schedule.0.epochs", 0),
        ("schedule.0.tasks", ["sst", "nli"]),
        ("encoder.sha256", "no hash"),
        ("train.unknown", 1),
        ("row", "../x"),
    ],
)
def test_another_is_named_with_its_key_before_it_trains(tiny, key, value):
    tiny.plan()
    change(PATH, key, value)
    with pytest.raises(ValueError, match=f"^{PATH}: (not a run file: )?{key.partition('.')[0]}"):
        call_stage(train, "--run", PATH)


def test_a_start_file_of_another_form_is_named(tiny):
    tiny.plan()
    path = tiny.start("iteration_1").start_path
    for content in ([], {"kind": "phase3"}, {"kind": "encoder"}, {"kind": "phase1", "weights": "/etc/hostname"}):
        write_json(path, content)
        with pytest.raises(ValueError, match=f"^{path}: "):
            check_run_file(tiny.run("phase2", "iteration_1"))
