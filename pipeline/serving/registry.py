"""MLflow's registry: a profile's model, its versions, and the aliases `candidate` and `champion`."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from pipeline.evaluation.metrics import METRICS, OVERALL
from pipeline.evaluation.saved_model import check_hash
from pipeline.files.atomic import write_text
from pipeline.runs.index import read_index
from pipeline.serving.card import write_card
from pipeline.serving.package import hash_code, write_model
from pipeline.tracking.store import Store, find_experiment, find_runs, lock_file, name_failures, open_store

CANDIDATE, CHAMPION = "candidate", "champion"
IDENTITY = ("row", "seed", "phase", "profile", "encoder", "run_key", "git_commit", "weights_sha256")  # tags of the run
CODE_TAG = "code_sha256"


@dataclass(frozen=True)
class Registered:
    """A version of a profile's model; `is_new` says whether it was made just now."""

    version: ModelVersion
    is_new: bool


def name_model(profile: str) -> str:
    """The registered model of a profile."""
    return f"berty-{profile}"


def register(
    profile: str,
    root: Path,
    row: str | None = None,
    seed: int | None = None,
    alias: str = CANDIDATE,
    weights_sha256: str | None = None,
) -> Registered:
    """Give a run's model, the best run's where none is named, the alias; its version is made where it is not there.

    The run must be in MLflow and its weights here, those named by `weights_sha256` if it is given (`ValueError`).
    Raises `StoreUnavailable`.
    """
    store, root = open_store(root), Path(root)
    with name_failures(store.uri), lock_file(store.lock):
        experiment_id = find_experiment(store, profile)
        run = choose_run(find_runs(store.client, experiment_id).values(), profile, row, seed)
        weights = Path(run.data.tags["weights"])
        if weights_sha256 not in (None, run.data.tags["weights_sha256"]):
            raise ValueError(f"{run.info.run_name} was trained again: its weights are not {weights_sha256[:12]}... now")
        check_hash(root / weights, run.data.tags["weights_sha256"])
        tags = {key: run.data.tags[key] for key in IDENTITY} | {CODE_TAG: hash_code()}
        name, card = name_model(profile), _make_card(profile, root, run)
        version = _find_version(store.client, name, tags)
        is_new = version is None
        if version is None:
            model = _log_model(store, experiment_id, run, weights.parent, tags, card, root)
            # By its place: a `models:/` address would be looked up in the store of the process, which may be another.
            version = store.client.create_model_version(
                name,
                model.artifact_location,
                run.info.run_id,
                tags,
                model_id=model.model_id,
                description=card,
            )
        store.client.set_registered_model_alias(name, alias, version.version)
    return Registered(version, is_new)


def choose_run(runs: Iterable[Run], profile: str, row: str | None, seed: int | None) -> Run:
    """The phase-2 run of this row and seed; without a row the one with the best mean, without a seed its best run.

    Rows that average outputs have no model, and are left out; one that is named is a `ValueError`.
    Without a row only those count that evaluate as many tasks as any: others' overall scores are means of other things.
    """
    rows: dict[str, list[Run]] = {}
    for run in runs:
        tags = run.data.tags
        if tags.get("phase") == "phase2" and tags.get("current") == "true" and OVERALL in run.data.metrics:
            if "weights_sha256" in tags:
                rows.setdefault(tags["row"], []).append(run)
            elif tags["row"] == row:
                raise ValueError(f"row {row!r}: an average of outputs is no model of its own; register one of its rows")
    if not rows:
        raise ValueError(f"profile {profile}: MLflow has no evaluated run of table 2; `make track` shows what there is")
    if row is None:
        num_tasks = {name: len(_task_scores(found[0])) for name, found in rows.items()}
        candidates = [name for name in rows if num_tasks[name] == max(num_tasks.values())]
        row = max(candidates, key=lambda name: fmean(run.data.metrics[OVERALL] for run in rows[name]))
    if row not in rows:
        raise ValueError(f"row {row!r}: MLflow has no evaluated run of it; allowed: {', '.join(sorted(rows))}")
    found = {int(run.data.tags["seed"]): run for run in rows[row]}
    if seed is None:
        return max(found.values(), key=lambda run: run.data.metrics[OVERALL])
    if seed not in found:
        seeds = ", ".join(map(str, sorted(found)))
        raise ValueError(f"row {row}, seed {seed}: MLflow has no such run; allowed seeds: {seeds}")
    return found[seed]


def find_alias(client: MlflowClient, name: str, alias: str) -> ModelVersion | None:
    """The version that an alias stands for; None where it stands for none."""
    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _find_version(client: MlflowClient, name: str, tags: dict[str, str]) -> ModelVersion | None:
    """The version of the same weights and code; the registered model is created where it is not there."""
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    found = [
        version
        for version in client.search_model_versions(f"name = '{name}'")
        if all(version.tags.get(key) == tags[key] for key in ("weights_sha256", CODE_TAG))
    ]
    return max(found, key=lambda version: int(version.version), default=None)


def _log_model(
    store: Store, experiment_id: str, run: Run, folder: Path, tags: dict[str, str], card: str, root: Path
) -> LoggedModel:
    """Log the model to the run without opening the run again, which would change its times; its card goes along."""
    with tempfile.TemporaryDirectory() as work:
        target = Path(work) / "mlflow_model"
        write_model(folder, target, Path(work), root)
        write_text(target / "README.md", card)
        logged = store.client.create_logged_model(experiment_id, run.info.run_name, run.info.run_id, tags)
        status = "FAILED"
        try:
            store.client.log_model_artifacts(logged.model_id, str(target))
            status = "READY"
        finally:
            store.client.finalize_logged_model(logged.model_id, status)
    return logged


def _task_scores(run: Run) -> dict[str, float]:
    """What its evaluation says of each task, by the task's metric."""
    metrics = run.data.metrics.items()
    return {key: value for key, value in metrics if "/" not in key and key.rpartition(".")[2] in METRICS}


def _make_card(profile: str, root: Path, run: Run) -> str:
    index = read_index(root, profile)
    found = [indexed for indexed in index.runs if indexed.run_key == run.data.tags["run_key"]]
    if not found:
        raise ValueError(f"{run.info.run_name}: its records are not here; `make run` brings or makes them")
    return write_card(index, found[0])
