"""Records to MLflow: find-or-create by run key, send what is missing, touch nothing that is as it should be."""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag

from pipeline.tracking.collect import collect_live
from pipeline.tracking.store import find_experiment, lock_file, name_failures, open_store
from pipeline.tracking.view import MAX_DIGEST_LENGTH, Point, RunView, compose_views

# Limits of MLflow's log_batch and search_runs (mlflow/utils/validation.py).
NUM_METRICS_PER_BATCH = 1000
NUM_WORDS_PER_BATCH = 100  # params, and tags
NUM_RUNS_PER_PAGE = 1000

RUN_KEY_TAG = "run_key"
PROJECTED_TAG = "projected"  # the fingerprint of what was sent; written last, so a run without it is incomplete


@dataclass(frozen=True)
class Summary:
    """What a projection did, in runs."""

    num_created: int
    num_updated: int
    num_unchanged: int


def project(records: list[tuple[dict[str, Any], Path]], root: Path) -> Summary:
    """Make MLflow show these records (each with its folder), one experiment per profile, one run per run key.

    Raises `StoreUnavailable`. Interrupted anywhere and repeated, it completes and doubles nothing.
    """
    store = open_store(root)
    counts = {"created": 0, "updated": 0, "unchanged": 0}
    with name_failures(store.uri), lock_file(store.lock):
        for profile, views in compose_views(records, root).items():
            experiment_id = find_experiment(store, profile)
            runs = find_runs(store.client, experiment_id)
            for view in views:
                counts[_project_run(store.client, experiment_id, view, runs.get(view.run_key))] += 1
    return Summary(**{f"num_{name}": count for name, count in counts.items()})


def project_live(root: Path, recorded: Collection[str] = ()) -> tuple[Summary, list[str]]:
    """Project the event files of runs that are going on, but for those in `recorded` (run keys with a record).

    The run is the same in MLflow once its record comes. Also returns one line per event file that cannot be read.
    """
    found, problems = collect_live(root, recorded)
    return (project(found, root) if found else Summary(0, 0, 0)), problems


def find_runs(client: MlflowClient, experiment_id: str) -> dict[str, Run]:
    """All runs of an experiment by run key, those in MLflow's trash left out; of two with one key, the older."""
    runs: dict[str, Run] = {}
    token = None
    while True:
        page = client.search_runs(
            [experiment_id], max_results=NUM_RUNS_PER_PAGE, order_by=["attributes.start_time ASC"], page_token=token
        )
        for run in page:
            if RUN_KEY_TAG in run.data.tags:
                runs.setdefault(run.data.tags[RUN_KEY_TAG], run)
        token = page.token
        if not token:
            return runs


def _project_run(client: MlflowClient, experiment_id: str, view: RunView, run: Run | None) -> str:
    if run is not None and run.data.tags.get(PROJECTED_TAG) == view.fingerprint:
        return "unchanged"
    outcome = "created" if run is None else "updated"
    stored = set() if run is None else _read_points(client, run)
    if run is not None and _contradicts(run, stored, view):
        # Params, start time and sent points cannot be taken back: the run goes to the trash, a new one takes its place.
        client.delete_run(run.info.run_id)
        run, stored = None, set()
    if run is None:
        run = client.create_run(experiment_id, view.start_time, {RUN_KEY_TAG: view.run_key}, view.name)
    _send(client, run, view, stored)
    return outcome


def _read_points(client: MlflowClient, run: Run) -> set[Point]:
    return {
        Point(key, metric.step, metric.timestamp, metric.value)
        for key in run.data.metrics
        for metric in client.get_metric_history(run.info.run_id, key)
    }


def _contradicts(run: Run, stored: set[Point], view: RunView) -> bool:
    """Whether the run holds what the view denies: a run of the same key was trained again, or resumed after a kill."""
    own_keys = {point.key for point in view.points}
    denied = stored.difference(view.points)
    return (
        any(run.data.params.get(key, value) != value for key, value in view.params.items())
        or (view.leads and run.info.start_time != view.start_time)
        or any(view.is_whole or point.key in own_keys for point in denied)
    )


def _send(client: MlflowClient, run: Run, view: RunView, stored: set[Point]) -> None:
    run_id = run.info.run_id
    params = [Param(key, value) for key, value in view.params.items() if key not in run.data.params]
    tags = [RunTag(key, value) for key, value in view.tags.items() if run.data.tags.get(key) != value]
    metrics = [Metric(p.key, p.value, p.time_ms, p.step) for p in view.points if p not in stored]
    for chunk in _chunk(params, NUM_WORDS_PER_BATCH):
        client.log_batch(run_id, params=chunk)
    for chunk in _chunk(tags, NUM_WORDS_PER_BATCH):
        client.log_batch(run_id, tags=chunk)
    for chunk in _chunk(metrics, NUM_METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=chunk)
    if view.datasets:
        client.log_inputs(run_id, [_to_input(dataset) for dataset in view.datasets])
    for path, folder in view.artifacts:
        client.log_artifact(run_id, str(path), folder)
    if not view.leads and PROJECTED_TAG in run.data.tags:
        pass  # an evaluation does not end the run that it found
    elif view.status != "RUNNING":
        client.set_terminated(run_id, view.status, view.end_time)
    elif run.info.status != "RUNNING":
        client.update_run(run_id, view.status)
    client.set_tag(run_id, PROJECTED_TAG, view.fingerprint)


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


def _chunk(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    items = iter(items)
    while chunk := list(islice(items, size)):
        yield chunk
