"""The tracking store: where it is, and its creation, once, however many processes ask for it at the same time."""

import fcntl
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

SQLITE = "sqlite:///"
EXPERIMENT_KIND = "mlflow.experimentKind"  # without it the user interface guesses, and shows a menu for chat agents


class StoreUnavailable(Exception):
    """The tracking store is down, too slow or refuses; the text is one line, the same for the same cause."""


@dataclass(frozen=True)
class Store:
    """An open tracking store. `artifacts` is None where a server decides where artifacts lie."""

    client: MlflowClient
    uri: str
    artifacts: Path | None
    lock: Path


def tracking_uri(root: Path) -> str:
    """MLFLOW_TRACKING_URI, or the sqlite file `mlflow.db` at the project root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{Path(root).resolve() / 'mlflow.db'}"


def open_store(root: Path) -> Store:
    """Open the store of the project at `root`; a sqlite store that is not there is created.

    Creation is under a lock: of several processes that open a new store at once, all but one would fail.
    """
    uri = tracking_uri(root)
    database = Path(uri.removeprefix(SQLITE)).resolve() if uri.startswith(SQLITE) else None
    lock = Path(f"{database}.lock") if database else Path(root) / ".work" / "tracking.lock"
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    with name_failures(uri), lock_file(lock):
        client = MlflowClient(uri)
        client.search_experiments(max_results=1)  # the first question creates the tables, or finds no server
    return Store(client, uri, database.parent / "mlartifacts" if database else None, lock)


def find_experiment(store: Store, profile: str) -> str:
    """The id of the experiment named as the profile, which is created where it is not there."""
    experiment = store.client.get_experiment_by_name(profile)
    if experiment is None:
        location = (store.artifacts / profile).as_uri() if store.artifacts else None
        return store.client.create_experiment(profile, location, tags={EXPERIMENT_KIND: "custom_model_development"})
    if experiment.lifecycle_stage != "active":
        raise StoreUnavailable(
            f"experiment {profile} is in MLflow's trash: "
            f"`mlflow experiments restore --experiment-id {experiment.experiment_id}` brings it back"
        )
    return experiment.experiment_id


@contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """Hold the one lock of this name; others wait. It is free again when its holder ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def name_failures(uri: str) -> Iterator[None]:
    """Turn whatever MLflow or its connection raises into a `StoreUnavailable` of one line without credentials."""
    try:
        yield
    except (MlflowException, requests.RequestException) as error:
        cause: BaseException = error
        while cause.__cause__ or cause.__context__:
            cause = cause.__cause__ or cause.__context__
        first_line = re.sub(r" at 0x[0-9a-f]+", "", str(cause)).strip().partition("\n")[0]
        raise StoreUnavailable(f"MLflow at {_address(uri)}: {type(cause).__name__}: {first_line[:200]}") from error


def _address(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else uri
