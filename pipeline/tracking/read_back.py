"""A training read back from MLflow."""

from dataclasses import dataclass
from pathlib import Path

from mlflow.exceptions import MlflowException

from pipeline.tracking.store import name_failures, open_store
from pipeline.tracking.view import PREDICTIONS


@dataclass(frozen=True)
class StoredRun:
    """A run as MLflow has it; `predictions` is the folder of its prediction files, None where it has none."""

    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]
    predictions: Path | None


def read_run(run_id: str, root: Path, work: Path) -> StoredRun | None:
    """The training of this id, its predictions downloaded below `work`; None where the store has no such run.

    A run that is no training of this project is a `ValueError`. Raises `StoreUnavailable`.
    """
    store = open_store(root)
    with name_failures(store.uri):
        try:
            run = store.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
        if run.data.tags.get("kind") != "training":
            raise ValueError(f"MLflow run {run_id}: {run.data.tags.get('kind', 'of another project')}, not a training")
        target = Path(work) / run_id
        target.mkdir(parents=True, exist_ok=True)
        has_predictions = PREDICTIONS in {artifact.path for artifact in store.client.list_artifacts(run_id)}
        folder = store.client.download_artifacts(run_id, PREDICTIONS, str(target)) if has_predictions else None
    return StoredRun(run.data.tags, run.data.params, run.data.metrics, Path(folder) if folder else None)
