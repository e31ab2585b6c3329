"""The tracking store: where it is, and its creation, once, however many processes ask for it at the same time."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests
from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from pipeline.tracking.tags import ORIGINAL_KEY_TAG

SQLITE = "sqlite:///"
# In a path, MLflow takes these for parts of a uri, and makes the database in another folder, or for parts of its SQL.
NOT_IN_A_PATH = re.compile("[?%']")
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
SECONDS_TO_WAIT = 60  # for another process of this project that is at the store
RUN_KEY_TAG = "run_key"
NUM_RUNS_PER_PAGE = 1000  # MLflow's search_runs gives no more (mlflow/utils/validation.py)
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

    @property
    def address(self) -> str:
        """The uri without credentials."""
        return address_of(self.uri)

    @property
    def is_local(self) -> bool:
        """Whether the store is on this machine, where the corpus is: only there an example's text is shown."""
        return self.artifacts is not None or urlsplit(self.uri).hostname in LOCAL_HOSTS


def dvc_experiment() -> str | None:
    """The name of the DVC experiment that this process runs in."""
    return os.environ.get("DVC_EXP_NAME")


def main_checkout(root: Path) -> Path:
    """The checkout that outlives this process, as an absolute path.

    `dvc exp run --temp` and `--queue` work in a copy that goes when they end; DVC_ROOT names the original then.
    """
    return Path(os.environ.get("DVC_ROOT", root) if dvc_experiment() else root).resolve()


def tracking_uri(root: Path) -> str:
    """MLFLOW_TRACKING_URI, or the sqlite file `mlflow.db`; a relative file is meant from the main checkout."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}mlflow.db"
    return f"{SQLITE}{main_checkout(root) / uri.removeprefix(SQLITE)}" if uri.startswith(SQLITE) else uri


def open_store(root: Path) -> Store:
    """Open the store of the project at `root`; a sqlite store that is not there is created.

    Creation is under a lock: of several processes that open a new store at once, all but one would fail. A sqlite store
    that cannot be used is a `StoreUnavailable` that says what to do.
    """
    uri = tracking_uri(root)
    database = Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None
    lock = Path(f"{database}.lock") if database else main_checkout(root) / ".work" / "tracking.lock"
    if database and (found := NOT_IN_A_PATH.search(str(database))):
        advice = "move the checkout, or set MLFLOW_TRACKING_URI=sqlite:////another/path/mlflow.db"
        raise StoreUnavailable(f"{database}: MLflow takes no path with {found[0]} in it: {advice}")
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    remedy = f"; move {database} away, and `make track` makes it again from the records" if database else ""
    with name_failures(uri, remedy), lock_file(lock):
        if database and not (database.exists() and database.stat().st_size):
            _create(database)
        client = MlflowClient(uri)
        client.search_experiments(max_results=1)  # the first question finds out whether it can be used
    return Store(client, uri, database.parent / "mlartifacts" if database else None, lock)


def _create(database: Path) -> None:
    """Make a store under another name and rename it, so that a kill leaves no half of one, which MLflow never mends."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # which takes a second to import

    new = Path(f"{database}.new")
    for left in (Path(f"{new}-journal"), new):
        left.unlink(missing_ok=True)
    SqlAlchemyStore(f"{SQLITE}{new}", str(database.parent / "mlartifacts")).engine.dispose()
    os.replace(new, database)


def find_experiment(store: Store, profile: str) -> str:
    """The id of the experiment named as the profile, which is created where it is not there."""
    experiment = store.client.get_experiment_by_name(profile)
    if experiment is None:
        location = (store.artifacts / profile).as_uri() if store.artifacts else None
        try:
            return store.client.create_experiment(profile, location, {EXPERIMENT_KIND: "custom_model_development"})
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return find_experiment(store, profile)  # another machine was faster
    if experiment.lifecycle_stage != "active":
        raise StoreUnavailable(
            f"experiment {profile} is in MLflow's trash: "
            f"`mlflow experiments restore --experiment-id {experiment.experiment_id}` brings it back"
        )
    place = experiment.artifact_location
    if store.artifacts and _find_folder(place) not in (None, (store.artifacts / profile).resolve()):
        raise StoreUnavailable(
            f"{store.address} was moved or copied, its experiment {profile} keeps files in {place}: move it back, or "
            "remove mlflow.db and mlartifacts here and run `make track` (runs) and `make register` (models) again"
        )
    return experiment.experiment_id


def _find_folder(uri: str) -> Path | None:
    """The folder that a uri of this machine's files means; None for any other."""
    return Path(url2pathname(urlsplit(uri).path)).resolve() if uri.startswith("file:") else None


def find_runs(client: MlflowClient, experiment_id: str) -> dict[str, Run]:
    """All runs of an experiment by the run key that they were first shown under, those in MLflow's trash left out.

    Of two with one key, the older.
    """
    runs: dict[str, Run] = {}
    for key, run in _list_runs(client, experiment_id):
        runs.setdefault(key, run)
    return runs


def settle_runs(client: MlflowClient, experiment_id: str, run_key: str | None = None) -> dict[str, Run]:
    """What `find_runs` gives, of one run key if it is named; of two with one key the newer goes to the trash.

    Who settles after it made a run leaves one run of each key, however many machines make it at the same time: the last
    of them sees all, and they agree on which stays (of one age, the lower id), so that one never goes for nothing.
    """
    runs: dict[str, Run] = {}
    for key, run in _list_runs(client, experiment_id, f"tags.{RUN_KEY_TAG} = '{run_key}'" if run_key else ""):
        if runs.setdefault(key, run) is not run:
            client.delete_run(run.info.run_id)
    return runs


def _list_runs(client: MlflowClient, experiment_id: str, query: str = "") -> list[tuple[str, Run]]:
    """Runs of this project with their first keys, the oldest first; MLflow orders those of one age by their ids."""
    listed: list[tuple[str, Run]] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment_id], query, max_results=NUM_RUNS_PER_PAGE, order_by=["attributes.start_time ASC"],
            page_token=token,
        )  # fmt: skip
        tagged = (run for run in page if RUN_KEY_TAG in run.data.tags)
        listed += [(run.data.tags.get(ORIGINAL_KEY_TAG, run.data.tags[RUN_KEY_TAG]), run) for run in tagged]
        token = page.token
        if not token:
            return listed


@contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """Hold the one lock of this name; others wait, but not for ever (`StoreUnavailable`).

    It is free again when its holder ends, however it ends.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire(SECONDS_TO_WAIT)
    except Timeout:
        raise StoreUnavailable(f"{path}: another process holds it") from None
    except OSError as error:
        raise StoreUnavailable(f"{path}: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def name_failures(uri: str, remedy: str = "") -> Iterator[None]:
    """Turn whatever MLflow or its connection raises into a `StoreUnavailable` of one line without credentials.

    The line ends with the remedy, but for a database that another process holds, which needs none.
    """
    try:
        yield
    except (MlflowException, requests.RequestException, SQLAlchemyError) as error:
        cause: BaseException = error
        while cause.__cause__ or cause.__context__:
            cause = cause.__cause__ or cause.__context__
        first_line = re.sub(r" at 0x[0-9a-f]+", "", str(cause)).strip().partition("\n")[0]
        text = f"MLflow at {address_of(uri)}: {type(cause).__name__}: {first_line[:200]}"
        raise StoreUnavailable(text + remedy * ("database is locked" not in text)) from error


def address_of(uri: str) -> str:
    """A uri without credentials."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else uri
