"""The registry: which run's model becomes the candidate, and when a version is made."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pipeline.files.atomic import write_text
from pipeline.files.digest import hash_file
from pipeline.serving import registry
from pipeline.serving.champion import remember, restore
from pipeline.serving.registry import CANDIDATE, CHAMPION, choose_run, find_alias, register
from pipeline.tracking.store import StoreUnavailable, tracking_uri
from tests.pipeline.conftest import SERVER_TOO
from tests.pipeline.tracking.shown import project_all, runs_of
from tests.pipeline.tracking.synthetic import make_evaluation, make_training, write_into, write_plan

NAME = "berty-tiny"
ROWS = ("baseline", "iteration_1")
SCORES = {("baseline", 0): 0.6, ("baseline", 1): 0.7, ("iteration_1", 0): 0.5, ("iteration_1", 1): 0.9}


def make_run(row: str, seed: int, overall: float | None, **tags: str) -> SimpleNamespace:
    known = {"phase": "phase2", "current": "true", "row": row, "seed": str(seed), "weights_sha256": "0" * 64} | tags
    return SimpleNamespace(
        data=SimpleNamespace(tags=known, metrics={} if overall is None else {"overall": overall}), name=f"{row}-{seed}"
    )


RUNS = [make_run(row, seed, overall) for (row, seed), overall in SCORES.items()]


def choose(runs=RUNS, row=None, seed=None) -> str:
    return choose_run(runs, "tiny", row, seed).name


def test_the_best_row_is_that_of_the_best_mean_and_its_best_run_is_taken():
    assert choose() == "iteration_1-1"
    lucky = make_run("lucky", 0, 0.95), make_run("lucky", 1, 0.1)
    assert choose([*RUNS, *lucky]) == "iteration_1-1", "one lucky seed makes no row the best"
    assert choose(row="baseline") == "baseline-1"
    assert choose(row="baseline", seed=0) == "baseline-0"


def test_only_evaluated_runs_of_the_present_table_2_count():
    better = [
        make_run("part", 0, 1.0, phase="part1"),
        make_run("gone", 0, 1.0, current="false"),
        make_run("unscored", 0, None),
    ]
    assert choose([*better, *RUNS]) == "iteration_1-1"
    with pytest.raises(ValueError, match="profile tiny: MLflow has no evaluated run of table 2"):
        choose(better)


def test_an_average_of_outputs_has_no_model_to_register():
    ensemble = make_run("ensemble", 0, 1.0)
    del ensemble.data.tags["weights_sha256"]
    assert choose([ensemble, *RUNS]) == "iteration_1-1"
    with pytest.raises(ValueError, match="row 'ensemble': an average of outputs is no model of its own"):
        choose([ensemble, *RUNS], row="ensemble")


@pytest.mark.parametrize(
    ("row", "seed", "said"),
    [
        ("iteration_9", None, "row 'iteration_9': .*; allowed: baseline, iteration_1"),
        ("baseline", 7, "row baseline, seed 7: .*; allowed seeds: 0, 1"),
    ],
)
def test_a_run_that_is_not_there_is_answered_with_what_is(row, seed, said):
    with pytest.raises(ValueError, match=said):
        choose(row=row, seed=seed)


@pytest.fixture
def project(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four runs in MLflow, their weights here; packing is left out."""

    def write_model(folder: Path, target: Path, work: Path, root: Path) -> None:
        assert (root / folder / "weights.safetensors").is_file()
        write_text(target / "MLmodel", "flavors: {}\n")

    monkeypatch.setattr(registry, "write_model", write_model)
    monkeypatch.setattr(registry, "hash_code", lambda: "c" * 64)
    train(root)
    return root


def train(root: Path, version: str = "") -> None:
    """Records and weights of all runs, shown in MLflow."""
    for (row, seed), overall in SCORES.items():
        record, evaluation = make_training(row, seed), make_evaluation(row, seed)
        write_text(root / record["tags"]["weights"], f"{row} {seed} {version}")
        record["tags"]["weights_sha256"] = hash_file(root / record["tags"]["weights"])
        evaluation["metrics"]["overall"][0][-1] = overall
        for one in (record, evaluation):
            one["run_key"] = one["run_key"][:-1] + version if version else one["run_key"]
            write_into(root, one)
            write_text(root / record["tags"]["weights"], f"{row} {seed} {version}")
    write_plan(root, ROWS)
    project_all(root)


@SERVER_TOO
@pytest.mark.usefixtures("any_store")
def test_the_best_run_s_model_is_the_candidate_with_the_way_back(project):
    before = runs_of(project)["iteration_1-1"].info
    registered = register("tiny", project)
    assert registered.is_new
    client = MlflowClient(tracking_uri(project))
    version = client.get_model_version_by_alias(NAME, CANDIDATE)
    run = runs_of(project)["iteration_1-1"]
    assert version.run_id == run.info.run_id
    assert version.tags["row"] == "iteration_1" and version.tags["seed"] == "1"
    assert version.tags["run_key"] == run.data.tags["run_key"]
    assert version.tags["weights_sha256"] == hash_file(project / run.data.tags["weights"])
    assert "`iteration_1-1`: Note of iteration_1." in version.description
    assert "- overall 0.900" in version.description and "- sst_train: 100 examples" in version.description
    assert (run.info.start_time, run.info.end_time, run.info.status) == (
        before.start_time,
        before.end_time,
        before.status,
    ), "the run is as it was"
    assert find_alias(client, NAME, CHAMPION) is None


def test_the_same_weights_and_code_are_one_version_whatever_was_registered_between(project, monkeypatch):
    first, other, again = register("tiny", project), register("tiny", project, "baseline"), register("tiny", project)
    assert [one.is_new for one in (first, other, again)] == [True, True, False]
    assert again.version.version == first.version.version != other.version.version
    client = MlflowClient(tracking_uri(project))
    assert client.get_model_version_by_alias(NAME, CANDIDATE).version == first.version.version
    monkeypatch.setattr(registry, "hash_code", lambda: "d" * 64)
    assert register("tiny", project).is_new, "other code may give other answers"


def test_weights_that_are_missing_or_others_make_no_version(project):
    weights = project / runs_of(project)["iteration_1-1"].data.tags["weights"]
    weights.write_text("others")
    with pytest.raises(ValueError, match=r"iteration_1-1/weights.safetensors: sha256 is .*, expected "):
        register("tiny", project)
    weights.unlink()
    with pytest.raises(ValueError, match=r"iteration_1-1/weights.safetensors: no such file"):
        register("tiny", project)
    assert MlflowClient(tracking_uri(project)).search_model_versions(f"name = '{NAME}'") == []


def test_a_packing_that_fails_leaves_the_candidate_as_it_was(project, monkeypatch):
    first = register("tiny", project)

    def fail(*arguments: object) -> None:
        raise ValueError("the disk is full")

    monkeypatch.setattr(registry, "write_model", fail)
    with pytest.raises(ValueError, match="the disk is full"):
        register("tiny", project, "baseline")
    client = MlflowClient(tracking_uri(project))
    assert client.get_model_version_by_alias(NAME, CANDIDATE).version == first.version.version


def test_an_upload_that_fails_leaves_no_version_and_no_model_that_looks_ready(project, monkeypatch):
    def fail(*arguments: object) -> None:
        raise MlflowException("no space left")

    monkeypatch.setattr(MlflowClient, "log_model_artifacts", fail)
    with pytest.raises(StoreUnavailable, match="no space left"):
        register("tiny", project)
    client = MlflowClient(tracking_uri(project))
    experiment = client.get_experiment_by_name("tiny").experiment_id
    assert [model.status for model in client.search_logged_models([experiment])] == ["FAILED"]
    assert client.search_model_versions(f"name = '{NAME}'") == []


def test_an_emptied_store_gets_its_champion_back_and_no_other_weights(project):
    version = register("tiny", project, "baseline", 0).version
    remember("tiny", version, project)
    assert (project / "baseline/tiny-champion.json").exists()
    (card,) = (project / "mlartifacts").rglob("README.md")
    assert card.read_text() == version.description
    MlflowClient(tracking_uri(project)).set_registered_model_alias(NAME, CHAMPION, version.version)
    assert restore("tiny", project) is None, "there is a champion"
    MlflowClient(tracking_uri(project)).delete_registered_model(NAME)
    assert restore("tiny", project).endswith("baseline-0, is the champion again, as baseline/tiny-champion.json says")
    again = find_alias(MlflowClient(tracking_uri(project)), NAME, CHAMPION)
    assert again.tags["weights_sha256"] == version.tags["weights_sha256"]
    MlflowClient(tracking_uri(project)).delete_registered_model(NAME)
    train(project, "x")
    assert "cannot be put back: baseline-0 was trained again" in restore("tiny", project)
    assert find_alias(MlflowClient(tracking_uri(project)), NAME, CHAMPION) is None


def test_without_a_champion_on_record_nothing_is_restored(project):
    assert restore("tiny", project) is None
