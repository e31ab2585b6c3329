"""Records to MLflow: find-or-create by run key, send what is missing, touch nothing that is as it should be."""

import gc
import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from pipeline.files.digest import hash_bytes
from pipeline.runs import layout
from pipeline.runs.index import Index, read_plan
from pipeline.runs.record_files import read_live
from pipeline.runs.record_schema import find_faults
from pipeline.tracking.pages import save_views
from pipeline.tracking.store import (
    RUN_KEY_TAG,
    Store,
    dvc_experiment,
    find_experiment,
    lock_file,
    main_checkout,
    name_failures,
    open_store,
    settle_runs,
)
from pipeline.tracking.sweeps import compose_sweeps
from pipeline.tracking.tables import write_tables
from pipeline.tracking.texts import Texts
from pipeline.tracking.view import MAX_DIGEST_LENGTH, Point, RunView, compose_live, compose_views

PROJECTED_TAG = "projected"  # the fingerprint of what was sent; written last, so a run without it is incomplete
CURRENT_TAG = "current"  # "true": its record is in the main checkout, and its row and seed are in the plan
CODE_PARAMS = ("code", "packages.")  # what ran it, not what it ran
NUM_CLASHES = 5  # with another machine, over one run; who loses more often leaves it to the next projection
CLASHES = "INVALID_PARAMETER_VALUE", "BAD_REQUEST"  # the run is deleted or has other values; the row is there by now
EXPERIMENT_TAG = "dvc_experiment"  # of the run's first projection


@dataclass(frozen=True)
class Summary:
    """What a projection did, in runs."""

    num_created: int
    num_updated: int
    num_unchanged: int

    def __str__(self) -> str:
        return f"{self.num_created} created, {self.num_updated} updated, {self.num_unchanged} unchanged"


def project(indexes: list[Index], root: Path, tell: Callable[[int], None] = lambda number: None) -> Summary:
    """Make MLflow show the records of these profiles, one experiment per profile, one run per run key.

    MLflow's other runs of these profiles are no longer current then. `tell` gets the number of runs done after each.
    Raises `StoreUnavailable`. Interrupted anywhere and repeated, it completes and doubles nothing.
    """
    views = {index.profile: [*compose_views(index), *compose_sweeps(index.root, index.profile)] for index in indexes}
    return _project(views, root, tell, is_all=True)


def project_live(root: Path, recorded: Collection[str] = ()) -> tuple[Summary, list[str]]:
    """Project the event files of runs that are going on, but for those in `recorded` (run keys with a record).

    The run is the same in MLflow once its record comes. Also returns one line per event file that cannot be read.
    """
    found, problems = read_live(root, recorded, find_faults)
    views: dict[str, list[RunView]] = {}
    for record in found:
        try:
            plan, _ = read_plan(root, record["profile"])
        except ValueError:  # which is none, or is named where its records are read
            plan = None
        views.setdefault(record["profile"], []).append(compose_live(record, Path(root), plan))
    return (_project(views, root, lambda number: None, is_all=False) if views else Summary(0, 0, 0)), problems


def _project(profiles: dict[str, list[RunView]], root: Path, tell: Callable[[int], None], is_all: bool) -> Summary:
    store, root = open_store(root), Path(root)
    counts = {"created": 0, "updated": 0, "unchanged": 0}
    is_main = root.resolve() == main_checkout(root)
    with name_failures(store.uri), lock_file(store.lock):
        for profile, views in profiles.items():
            experiment_id = find_experiment(store, profile)
            runs = settle_runs(store.client, experiment_id)
            texts = Texts(root / layout.corpus(profile)) if store.is_local else None
            for view in views:
                is_current = view.is_planned if is_main else None
                view = _nest(store.client, experiment_id, view) if view.parent else view
                with _pause_collector():
                    counts[_project_view(store, experiment_id, view, runs, texts, is_current)] += 1
                tell(sum(counts.values()))
            if is_all and is_main:
                _retire(store.client, runs, {view.original_key for view in views})
                _outlast(partial(save_views, store.client, experiment_id, views))
    return Summary(**{f"num_{name}": count for name, count in counts.items()})


def _nest(client: MlflowClient, experiment_id: str, view: RunView) -> RunView:
    """The view with its parent's id, which is another one once the parent's run was made again."""
    (parent,) = settle_runs(client, experiment_id, view.parent).values()
    tags = view.tags | {MLFLOW_PARENT_RUN_ID: parent.info.run_id}
    return replace(view, tags=tags, fingerprint=hash_bytes(f"{view.fingerprint}{parent.info.run_id}".encode()))


@contextmanager
def _pause_collector() -> Iterator[None]:
    """Keep Python from walking all of mlflow's objects over and over while a run's are made: a sixth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect(0)


def _retire(client: MlflowClient, runs: dict[str, Run], keys: set[str]) -> None:
    """Runs that have no record any more stay, but out of the comparison of the current table."""
    for key, run in runs.items():
        if key not in keys and run.data.tags.get(CURRENT_TAG) == "true":
            client.set_tag(run.info.run_id, CURRENT_TAG, "false")


def _outlast(action: Callable[[], Any]) -> Any:
    """Do it again while another machine comes between: locks are files of one machine.

    The other one may have deleted the run (see `settle_runs`), or have written the same to it just now.
    """
    for _ in range(NUM_CLASHES):
        try:
            return action()
        except MlflowException as error:
            if error.error_code not in CLASHES:
                raise
    return action()


def _project_view(
    store: Store, experiment_id: str, view: RunView, runs: dict[str, Run], texts: Texts | None, is_current: bool | None
) -> str:
    """`_project_run` with the run of this view: first that of `runs`, after a clash the one that is there then."""
    found = chain([runs], (settle_runs(store.client, experiment_id) for _ in range(NUM_CLASHES)))
    rest = texts, is_current
    return _outlast(lambda: _project_run(store, experiment_id, view, next(found).get(view.original_key), *rest))


def _project_run(
    store: Store, experiment_id: str, view: RunView, run: Run | None, texts: Texts | None, is_current: bool | None
) -> str:
    """Bring one run up to date and return what was done.

    `is_current` is None in an experiment's copy. What the main checkout has shown is left alone there: an evaluation
    that the copy did again has other times.
    """
    client, fingerprint = store.client, view.fingerprint
    if view.predictions and texts:
        fingerprint += texts.digest[:16]  # the tables are made again once the corpus has come
    marks = {RUN_KEY_TAG: view.run_key} | ({} if is_current is None else {CURRENT_TAG: str(is_current).lower()})
    if run is not None and run.data.tags.get(PROJECTED_TAG) == fingerprint:
        if marks.items() <= run.data.tags.items():
            return "unchanged"
        client.set_tag(run.info.run_id, CURRENT_TAG, marks[CURRENT_TAG])
        return "updated"
    if run is not None and is_current is None and PROJECTED_TAG in run.data.tags:
        return "unchanged"
    outcome = "created" if run is None else "updated"
    stored = set() if run is None else _read_points(client, run)
    if run is not None and _contradicts(run, stored, view):
        # Params, start time and sent points cannot be taken back: the run goes to the trash, a new one takes its place.
        client.delete_run(run.info.run_id)
        run, stored = None, set()
    if run is None:
        name = dvc_experiment()
        tags = view.tags | marks | ({EXPERIMENT_TAG: name} if name else {})
        run = client.create_run(experiment_id, view.start_time, tags, view.name)
        settle_runs(client, experiment_id, view.run_key)  # which may take this one: then nothing can be sent to it
    _send(client, run, view, stored, marks, texts)
    client.set_tag(run.info.run_id, PROJECTED_TAG, fingerprint)
    return outcome


def _read_points(client: MlflowClient, run: Run) -> set[Point]:
    return {
        Point(key, metric.step, metric.timestamp, metric.value)
        for key in run.data.metrics
        for metric in client.get_metric_history(run.info.run_id, key)
    }


def _contradicts(run: Run, stored: set[Point], view: RunView) -> bool:
    """Whether the run has points that the record lacks: a run of the same key trained again, or resumed after a kill.

    A run that was re-keyed has other code than it was shown with; MLflow's params keep what it was trained with.
    """
    is_rekeyed = view.original_key != view.run_key
    params = {key: value for key, value in view.params.items() if not (is_rekeyed and key.startswith(CODE_PARAMS))}
    own_keys = {point.key for point in view.points}
    denied = stored.difference(view.points)
    return (
        any(run.data.params.get(key, value) != value for key, value in params.items())
        or (view.leads and run.info.start_time != view.start_time)
        or any(view.is_whole or point.key in own_keys for point in denied)
    )


def _send(
    client: MlflowClient, run: Run, view: RunView, stored: set[Point], marks: dict[str, str], texts: Texts | None
) -> None:
    run_id = run.info.run_id
    params = [Param(key, value) for key, value in view.params.items() if key not in run.data.params]
    tags = [RunTag(key, value) for key, value in (view.tags | marks).items() if run.data.tags.get(key) != value]
    metrics = [Metric(p.key, p.value, p.time_ms, p.step) for p in view.points if p not in stored]
    client.log_batch(run_id, metrics, params, tags)  # which cuts them into what a store takes
    if view.datasets:
        client.log_inputs(run_id, [_to_input(dataset) for dataset in view.datasets])
    if view.artifacts:
        with tempfile.TemporaryDirectory() as folder:
            _stage_artifacts(view, Path(folder), texts)
            client.log_artifacts(run_id, folder)
    if not view.leads and PROJECTED_TAG in run.data.tags:
        pass  # an evaluation does not end the run that it found
    elif view.status != "RUNNING":
        client.set_terminated(run_id, view.status, view.end_time)
    elif run.info.status != "RUNNING":
        client.update_run(run_id, view.status)


def _stage_artifacts(view: RunView, folder: Path, texts: Texts | None) -> None:
    """Everything to upload in one tree, which costs one request less for each file."""
    for path, inner in view.artifacts:
        target = folder / (inner or "") / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    for path in view.predictions:
        write_tables(path, folder, texts)


def _to_input(dataset: dict[str, Any]) -> DatasetInput:
    """A dataset by our own content hash: MLflow's digest reads 10,000 rows. The whole hash is a tag of the run."""
    entity = Dataset(
        name=dataset["name"],
        digest=dataset["digest"][:MAX_DIGEST_LENGTH],
        source_type="local",
        source=json.dumps({"uri": dataset["source"]}),
        profile=json.dumps({"num_rows": dataset["num_examples"]}),
    )
    return DatasetInput(entity, [InputTag("mlflow.data.context", dataset["context"])])
