"""A training read back from MLflow, as a comparison needs it."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.gate.difference_side import from_mlflow, read_side
from pipeline.tracking.collect import collect
from pipeline.tracking.projection import project
from pipeline.tracking.read_back import read_run
from pipeline.tracking.store import tracking_uri
from tests.pipeline.tracking.synthetic import ROW, SEED

pytestmark = pytest.mark.usefixtures("any_store")


def run_id(root: Path, name: str) -> str:
    client = MlflowClient(tracking_uri(root))
    experiment = client.get_experiment_by_name("tiny").experiment_id
    (run,) = client.search_runs([experiment], f"attributes.run_name = '{name}'")
    return run.info.run_id


def test_a_run_says_in_mlflow_what_its_files_say(project_root: Path, tmp_path: Path) -> None:
    project(collect(project_root)[0], project_root)
    far = from_mlflow(read_run(run_id(project_root, f"{ROW}-{SEED}"), project_root, tmp_path / "work"))
    near = read_side(ROW, project_root, "tiny", [ROW]).rows["phase2", ROW][SEED]
    assert far.predictions["sst"].read_bytes() == near.predictions["sst"].read_bytes()
    assert far.scores == near.scores
    assert far.data == near.data
    assert {key: value for key, value in far.params.items() if key != "note"} == {  # MLflow cuts what is too long
        key: value for key, value in near.params.items() if key != "note"
    }
    assert far.code == near.code


def test_what_is_no_training_is_refused_and_what_is_nothing_is_none(project_root: Path, tmp_path: Path) -> None:
    project(collect(project_root)[0], project_root)
    with pytest.raises(ValueError, match="summary, not a training"):
        read_run(run_id(project_root, "summary"), project_root, tmp_path)
    assert read_run("0" * 32, project_root, tmp_path) is None
