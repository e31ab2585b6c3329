"""The graph and its stores: MLflow's, DVC's cache and remote, experiments in a copy of the project."""

import json
import re
import subprocess

import pytest
from mlflow import MlflowClient

from tests.graph.project import ROWS, commit_lock, list_runs
from tests.tiny import PROFILE


def test_mlflow_has_every_run_and_gets_it_back(project):
    for path in project.root.glob("mlflow.db*"):
        path.unlink()
    track = ["python", "-m", "stages.track"]
    # What other tests of this module left is shown too: nothing that was computed is lost.
    expected = [*(f"{row}-0" for row in ROWS), "sst_finetune-0", "sst_pretrain-0", "sst_then_sts-0"]
    expected += ["download", "tokenize", "summary"]
    found_by = []
    for _ in range(2):
        subprocess.run(track, cwd=project.root, env=project.environment, check=True, capture_output=True)
        client = MlflowClient(f"sqlite:///{project.root}/mlflow.db")
        (experiment,) = [found for found in client.search_experiments() if found.name == PROFILE]
        runs = client.search_runs([experiment.experiment_id], max_results=1000)
        names = sorted(run.info.run_name for run in runs)
        assert set(expected) <= set(names) and len(set(names)) == len(names)
        found_by.append(names)
    assert found_by[0] == found_by[1], "the second time adds nothing"
    by_name = {run.info.run_name: run for run in runs}
    record = json.loads((project.root / f"artifacts/{PROFILE}/records/phase2/iteration_3-0/record.json").read_text())
    run = by_name["iteration_3-0"]
    assert run.info.start_time == record["start_time"]
    assert run.data.tags["run_key"] == record["run_key"]
    metrics = json.loads((project.root / f"results/{PROFILE}/metrics.json").read_text())
    assert run.data.metrics["overall"] == pytest.approx(metrics["iteration_3"]["overall"], abs=1e-12)
    history = client.get_metric_history(run.info.run_id, "dev/sst.accuracy")
    assert [[point.step, point.timestamp, point.value] for point in history] == record["metrics"]["dev/sst.accuracy"]


def test_an_experiment_in_a_copy_leaves_its_run_in_the_same_store(project):
    commit_lock(project, is_current=True)
    before = list_runs(project.root)
    change = "+iterations.iteration_3.train.learning_rate=0.009"
    project.dvc("exp", "run", "--temp", "--name", "lone-fish", "--set-param", change)
    after = list_runs(project.root)
    new = [run for key, run in after.items() if key not in before]
    assert {run.data.tags["row"] for run in new} == {"iteration_3", "summary"}
    assert {run.data.tags["dvc_experiment"] for run in new} == {"lone-fish"}
    assert {key: after[key].to_dictionary() for key in before} == {key: before[key].to_dictionary() for key in before}


def test_a_fresh_clone_with_pulled_outputs_trains_nothing_and_shows_every_run(project):
    commit_lock(project, is_current=True)
    remote, clone = project.root.parent / "remote", project.root.parent / "clone"
    project.dvc("remote", "add", "--default", "--force", "--local", "here", str(remote))
    project.dvc("push")
    subprocess.run(["git", "clone", "--quiet", str(project.root), str(clone)], check=True)

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=clone, env=project.environment, check=True, capture_output=True, text=True)
        return done.stdout

    run("dvc", "remote", "add", "--default", "--local", "here", str(remote))
    run("dvc", "pull", "--allow-missing")
    ran = re.findall(r"Running stage '(\S+)'", run("dvc", "repro"))
    assert {stage.split("@")[0] for stage in ran} == {"report", "track"}, "what DVC does not cache is made again"
    run("python", "-m", "stages.track")
    there, here = list_runs(clone), list_runs(project.root)
    current = {key: run for key, run in here.items() if run.data.tags.get("current") == "true"}
    assert there.keys() == current.keys()
    assert {key: run.info.start_time for key, run in there.items() if run.data.tags["kind"] == "training"} == {
        key: run.info.start_time for key, run in current.items() if run.data.tags["kind"] == "training"
    }
