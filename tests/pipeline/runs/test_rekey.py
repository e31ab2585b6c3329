"""An evaluation that a training before left is not given the key of the training that was vouched for."""

from pathlib import Path

import pytest

from pipeline.engine.rekey import rekey
from pipeline.files.atomic import read_json, write_json
from pipeline.runs import layout
from pipeline.runs.run_files import Run

SPEC = {"profile": "tiny", "phase": "phase1", "row": "a", "seed": 0, "packages": {"torch": "2"}, "code": {"f": "1"}}
OLD, NEW, STALE = "a" * 64, "b" * 64, "c" * 64


def make_record(kind: str, key: str) -> dict:
    rest = {"params": {}, "tags": {}, "metrics": {}, "datasets": [], "artifacts": [], "environment": {}, "replay": {}}
    times = {"status": "finished", "start_time": 1, "end_time": 2}
    identity = {name: SPEC[name] for name in ("profile", "phase", "row", "seed")}
    return {"version": 2, "kind": kind, "run_key": key} | identity | times | rest


@pytest.mark.parametrize(("key", "after"), [(OLD, NEW), (STALE, STALE)])
def test_an_evaluation_of_another_training_keeps_its_key(tmp_path: Path, key: str, after: str) -> None:
    path = tmp_path / "run.json"
    write_json(path, SPEC)
    run = Run(path, None, SPEC, None, NEW)
    training, evaluation = (
        tmp_path / folder(*run.place) / "record.json" for folder in (layout.training_record, layout.evaluation_record)
    )
    write_json(training, make_record("training", OLD))
    write_json(evaluation, make_record("evaluation", key))
    rekey(run, tmp_path, layout.artifacts, "why")
    assert (read_json(training)["run_key"], read_json(evaluation)["run_key"]) == (NEW, after)
