"""The projection: everything shown once, whatever was there before, wherever it was interrupted."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.files.atomic import write_text
from pipeline.tracking.collect import collect
from pipeline.tracking.projection import Summary, project
from pipeline.tracking.store import StoreUnavailable
from tests.pipeline.conftest import SERVER_TOO
from tests.pipeline.tracking.shown import client_of, describe, history, project_all, runs_of
from tests.pipeline.tracking.synthetic import (
    ROW,
    ROWS,
    SEED,
    SEEDS,
    make_evaluation,
    make_record,
    make_training,
    write_into,
    write_plan,
)

pytestmark = pytest.mark.usefixtures("any_store")

NUM_RUNS = len(ROWS) * len(SEEDS) + 3
KEY = make_training(ROW, SEED)["run_key"]


@SERVER_TOO
def test_everything_in_the_records_is_shown(project_root: Path) -> None:
    assert project_all(project_root) == Summary(NUM_RUNS, 0, 0)
    runs = runs_of(project_root)
    trained = {f"{row}-{seed}" for row in ROWS for seed in SEEDS}
    assert set(runs) == trained | {"download", "tokenize", "summary"}
    record = make_training(ROW, SEED)
    run = runs[f"{ROW}-{SEED}"]
    assert (run.info.status, run.info.start_time, run.info.end_time) == (
        "FINISHED",
        record["start_time"],
        record["end_time"],
    )
    assert history(project_root, run, "dev/sst.accuracy") == record["metrics"]["dev/sst.accuracy"]
    assert history(project_root, run, "loss/sst") == record["metrics"]["loss/sst"]
    assert history(project_root, run, "overall") == make_evaluation(ROW, SEED)["metrics"]["overall"]
    params = run.data.params
    assert len(params) == len(record["params"])
    assert (params["train.lr"], params["cap"], params["amp"], params["extra.119"]) == ("1e-05", "null", "false", "119")
    assert params["note"].endswith("[cut, 7000 characters]")
    expected = {
        "run_key": KEY, "row": ROW, "seed": "1", "phase": "phase2", "profile": "tiny", "kind": "training",
        "encoder": "minilm", "git_commit": "c" * 40, "git_dirty": "false", "environment.python": "3.12.0",
        "dataset.sst_train": "d" * 64, "weights_sha256": "a" * 64,
        "weights": f"artifacts/tiny/phase2/{ROW}-{SEED}/weights.safetensors",
    }  # fmt: skip
    assert {key: run.data.tags.get(key) for key in expected} == expected
    assert "imported" not in run.data.tags


def test_datasets_carry_our_digest_and_size(project_root: Path) -> None:
    project_all(project_root)
    (shown,) = runs_of(project_root)[f"{ROW}-{SEED}"].inputs.dataset_inputs
    assert (shown.dataset.name, shown.dataset.digest) == ("sst_train", "d" * 36)
    assert json.loads(shown.dataset.profile) == {"num_rows": 100}
    assert [(tag.key, tag.value) for tag in shown.tags] == [("mlflow.data.context", "train")]


def test_files_are_uploaded_but_no_weights(project_root: Path) -> None:
    project_all(project_root)
    client, runs = client_of(project_root), runs_of(project_root)
    trained, summary = runs[f"{ROW}-{SEED}"].info.run_id, runs["summary"].info.run_id
    tables = ["confusion/sst.json", "worst_errors/sst.json"]
    assert files_of(client, trained) == sorted(["history.csv", "predictions/sst.csv", *tables])
    assert files_of(client, summary) == [
        "figures/figure2.png",
        "figures/figure2.svg",
        "report.html",
        "tables/controls.md",
        "tables/table2.md",
    ]


def files_of(client: MlflowClient, run_id: str, folder: str | None = None) -> list[str]:
    found = []
    for artifact in client.list_artifacts(run_id, folder):
        found += files_of(client, run_id, artifact.path) if artifact.is_dir else [artifact.path]
    return sorted(found)


def table_of(root: Path, name: str) -> dict[str, list]:
    """A logged table of the run that the tests look at, by column."""
    client, run = client_of(root), runs_of(root)[f"{ROW}-{SEED}"]
    assert {"path": name, "type": "table"} in json.loads(run.data.tags["mlflow.loggedArtifacts"])
    table = json.loads(Path(client.download_artifacts(run.info.run_id, name, root)).read_text())
    return {column: [row[place] for row in table["data"]] for place, column in enumerate(table["columns"])}


def write_corpus(root: Path) -> None:
    lines = [f"0\t{name}\ttext of {name}\t0\n" for name in "abcd"]
    write_text(root / "artifacts/tiny/corpus/ids-sst-dev.csv", "".join(["\tid\tsentence\tsentiment\n", *lines]))


def test_the_errors_of_a_run_are_tables(project_root: Path) -> None:
    write_corpus(project_root)
    project_all(project_root)
    assert table_of(project_root, "confusion/sst.json") == {
        "label": [0, 1, 2], "predicted 0": [1, 0, 1], "predicted 1": [0, 0, 0], "predicted 2": [0, 1, 1],
        "examples": [1, 1, 2],
    }  # fmt: skip
    errors = table_of(project_root, "worst_errors/sst.json")
    assert errors["id"] == ["b", "c"]
    assert errors["error"] == [-2.0, 1.0]
    assert errors["text"] == ["text of b", "text of c"]


@pytest.mark.parametrize(
    ("method", "num_calls"),
    [("create_run", 3), ("log_batch", 2), ("log_inputs", 2), ("log_artifacts", 2), ("set_terminated", 2),
     ("set_tag", 3)],
)  # fmt: skip
def test_interrupted_anywhere_it_completes_and_doubles_nothing(
    project_root: Path,
    reset_store: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    num_calls: int,
) -> None:
    ((index,), _) = collect(project_root)
    runs = tuple(run for run in index.runs if run.row == ROW)
    few = [replace(index, runs=runs, data=index.data[:1], summary=None)]
    project(few, project_root)
    whole = describe(project_root)
    reset_store()
    original, calls = getattr(MlflowClient, method), []

    def interrupted(*arguments: object, **keywords: object) -> object:
        calls.append(method)
        if len(calls) == num_calls:
            raise KeyboardInterrupt
        return original(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, method, interrupted)
        with pytest.raises(KeyboardInterrupt):
            project(few, project_root)
    assert describe(project_root) != whole
    project(few, project_root)
    assert describe(project_root) == whole


def test_the_comparison_is_of_the_runs_that_plan_lists_and_that_have_a_record(project_root: Path) -> None:
    def current() -> set[str]:
        return {name for name, run in runs_of(project_root).items() if run.data.tags.get("current") == "true"}

    project_all(project_root)
    trained = {f"{row}-{seed}" for row in ROWS for seed in SEEDS}
    assert current() == trained | {"download", "tokenize", "summary"}
    write_plan(project_root, rows=ROWS[:2])
    assert project_all(project_root) == Summary(0, len(ROWS[2:]) * len(SEEDS), NUM_RUNS - len(ROWS[2:]) * len(SEEDS))
    assert current() & trained == {f"{row}-{seed}" for row in ROWS[:2] for seed in SEEDS}
    write_plan(project_root)
    project_all(project_root)
    assert current() >= trained
    (project_root / f"artifacts/tiny/records/phase2/{ROW}-{SEED}/record.json").unlink()
    (project_root / f"artifacts/tiny/records/eval_phase2/{ROW}-{SEED}/record.json").unlink()
    project_all(project_root)
    assert current() & trained == trained - {f"{ROW}-{SEED}"}


@SERVER_TOO
def test_a_dvc_experiment_leaves_its_runs_in_the_main_checkout(
    project_root: Path, any_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy that an experiment runs in goes; runs that it shares with the main checkout stay as they are."""
    project_all(project_root)
    before = describe(project_root)
    copy = project_root / ".dvc/tmp/exps/standalone/tmp1"
    shutil.copytree(project_root / "artifacts", copy / "artifacts")
    shutil.copytree(project_root / "results", copy / "results")
    write_into(copy, make_training("baseline", 0) | {"run_key": "9" * 64, "row": "new"})
    again = make_evaluation(ROW, SEED)
    write_into(copy, again | {"metrics": {"overall": [[0, again["end_time"] + 60_000, 0.6]]}})
    monkeypatch.setenv("DVC_EXP_NAME", "lone-fish")
    monkeypatch.setenv("DVC_ROOT", str(project_root))
    assert project_all(copy) == Summary(1, 0, NUM_RUNS)
    assert not (copy / "mlflow.db").exists()
    monkeypatch.delenv("DVC_EXP_NAME")
    after = describe(project_root)
    assert {name: after[name] for name in before} == before
    (new,) = [run for name, run in runs_of(project_root).items() if name not in before]
    assert new.data.tags["dvc_experiment"] == "lone-fish"
    assert new.data.tags.get("current") != "true"


def test_an_imported_run_is_marked_and_has_its_files(root: Path) -> None:
    record = make_training(ROW, SEED)
    write_into(root, record)
    (root / "results/tiny/imported").mkdir(parents=True)
    (root / "artifacts/tiny/records").rename(root / "results/tiny/imported/records")
    project_all(root)
    run = runs_of(root)[f"{ROW}-{SEED}"]
    assert run.data.tags["imported"] == "true"
    assert [artifact.path for artifact in client_of(root).list_artifacts(run.info.run_id)] == ["history.csv"]


def test_tables_do_without_the_corpus_and_get_the_text_once_it_has_come(project_root: Path) -> None:
    project_all(project_root)
    assert list(table_of(project_root, "worst_errors/sst.json")) == ["id", "label", "prediction", "error"]
    write_corpus(project_root)
    assert project_all(project_root).num_updated == len(ROWS) * len(SEEDS)
    assert table_of(project_root, "worst_errors/sst.json")["text"] == ["text of b", "text of c"]


def test_an_experiment_in_the_trash_is_named(root: Path) -> None:
    write_into(root, make_training(ROW, SEED))
    project_all(root)
    client = client_of(root)
    client.delete_experiment(client.get_experiment_by_name("tiny").experiment_id)
    with pytest.raises(StoreUnavailable, match="experiment tiny is in MLflow's trash"):
        project_all(root)


def test_profiles_are_experiments_of_their_own(root: Path) -> None:
    for profile in ("tiny", "other"):
        write_into(root, make_training(ROW, SEED) | {"profile": profile, "artifacts": []})
    assert project_all(root) == Summary(2, 0, 0)
    assert set(runs_of(root, "tiny")) == set(runs_of(root, "other")) == {f"{ROW}-{SEED}"}


def test_a_failed_run_is_shown_as_failed(root: Path) -> None:
    write_into(root, make_record("training", "phase2", ROW, SEED, status="failed"))
    project_all(root)
    assert runs_of(root)[f"{ROW}-{SEED}"].info.status == "FAILED"
