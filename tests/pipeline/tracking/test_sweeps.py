"""Sweeps in MLflow: one run each, the trials below it, the same ones whatever is projected again."""

import shutil
from pathlib import Path

from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from pipeline.files.atomic import write_json
from pipeline.files.owner import own
from pipeline.runs.record import write_record
from pipeline.tracking.projection import Summary
from pipeline.tracking.server import Follower
from tests.pipeline.tracking.shown import client_of, describe, history, project_all, runs_of
from tests.pipeline.tracking.synthetic import T0, make_record

FOLDER = "artifacts/tiny/sweeps/iteration_3-0-abcdef12"
PARENT = "sweep of iteration_3-0"
SCORES = {0: 0.4, 1: 0.6, 10: 0.5}
TRIALS = [f"iteration_3_trial_{number}-0" for number in SCORES]


def write_sweep(root: Path) -> None:
    search = {"train.learning_rate": "1e-05 to 0.0003, log"}
    said = {
        "run_key": "a" * 64,
        "row": "iteration_3",
        "seed": 0,
        "start_time": T0,
        "command": "python -m stages.sweep x",
    }
    write_json(root / FOLDER / "sweep.json", said | {"search": search})


def write_trial(root: Path, number: int, status: str = "finished", time_ms: int = T0) -> None:
    metrics = {"selection/sst.accuracy": [[10, time_ms, SCORES[number]]], "selection": [[0, time_ms, SCORES[number]]]}
    record = make_record("training", "phase2", f"iteration_3_trial_{number}", 0, metrics=metrics, status=status)
    write_record(root / FOLDER / f"trial_{number}/record.json", record)


def test_trials_are_below_their_sweep_and_in_no_table(project_root: Path) -> None:
    before = project_all(project_root)
    write_sweep(project_root)
    for number in SCORES:
        write_trial(project_root, number, "killed" if number == 10 else "finished")
    assert project_all(project_root) == Summary(4, 0, before.num_created)
    runs = runs_of(project_root)
    parent = runs[PARENT]
    assert [runs[name].data.tags[MLFLOW_PARENT_RUN_ID] for name in TRIALS] == [parent.info.run_id] * 3
    assert [runs[name].info.status for name in TRIALS] == ["FINISHED", "FINISHED", "KILLED"]
    assert {runs[name].data.tags["current"] for name in (*TRIALS, PARENT)} == {"false"}
    assert {runs[name].data.tags["reproduce"] for name in (*TRIALS, PARENT)} == {"python -m stages.sweep x"}
    assert history(project_root, parent, "selection") == [[number, T0, score] for number, score in SCORES.items()]
    assert parent.data.params["search.train.learning_rate"] == "1e-05 to 0.0003, log"
    assert [name for name, run in runs.items() if MLFLOW_PARENT_RUN_ID in run.data.tags] == sorted(
        TRIALS, key=list(runs).index
    )


def test_a_projection_again_changes_nothing_and_a_new_store_has_all(project_root: Path) -> None:
    write_sweep(project_root)
    write_trial(project_root, 0)
    num_runs = project_all(project_root).num_created
    ids = {name: run.info.run_id for name, run in runs_of(project_root).items()}
    assert project_all(project_root) == Summary(0, 0, num_runs)
    write_trial(project_root, 1)
    assert project_all(project_root) == Summary(1, 1, num_runs - 1)
    assert ids.items() <= {name: run.info.run_id for name, run in runs_of(project_root).items()}.items()
    for name in ("mlflow.db", "mlartifacts"):
        path = project_root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    project_all(project_root)
    runs = runs_of(project_root)
    assert runs[TRIALS[1]].data.tags[MLFLOW_PARENT_RUN_ID] == runs[PARENT].info.run_id


def test_trials_follow_their_sweep_when_its_run_is_made_again(project_root: Path) -> None:
    write_sweep(project_root)
    write_trial(project_root, 0)
    project_all(project_root)
    before = runs_of(project_root)
    client_of(project_root).delete_run(before[PARENT].info.run_id)
    project_all(project_root)
    runs = runs_of(project_root)
    assert runs[PARENT].info.run_id != before[PARENT].info.run_id
    assert runs[TRIALS[0]].info.run_id == before[TRIALS[0]].info.run_id
    assert runs[TRIALS[0]].data.tags[MLFLOW_PARENT_RUN_ID] == runs[PARENT].info.run_id


def test_a_sweep_is_running_while_somebody_searches(project_root: Path) -> None:
    write_sweep(project_root)
    with own(project_root / FOLDER):
        project_all(project_root)
        assert runs_of(project_root)[PARENT].info.status == "RUNNING"
    project_all(project_root)
    assert runs_of(project_root)[PARENT].info.status == "FINISHED"
    assert describe(project_root)[PARENT][1] == T0


def test_who_follows_sees_a_trial_when_it_has_ended(project_root: Path) -> None:
    write_sweep(project_root)
    follower = Follower(project_root)
    for number in (0, 1):
        write_trial(project_root, number)
        assert follower.follow() == []
        assert TRIALS[number] in runs_of(project_root)
