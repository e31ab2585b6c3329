"""What MLflow is to show of a run: its records merged and put into MLflow's terms, without touching MLflow."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.files.digest import hash_bytes, hash_file
from pipeline.runs.index import Index, find_row, list_planned
from pipeline.runs.record_files import find_artifact
from pipeline.tracking.tables import task_of
from pipeline.tracking.tags import ORIGINAL_KEY_TAG, compose_scores, compose_tags, find_original_key

# Limits of MLflow 3.17.2 (mlflow/utils/validation.py).
MAX_PARAM_LENGTH = 6000
MAX_TAG_LENGTH = 8000
MAX_DIGEST_LENGTH = 36

FORMAT = 2  # of what is made of a record: a change sends every run again
PREDICTIONS = "predictions"  # the folder among a run's artifacts
FIGURE_SUFFIXES = (".png", ".svg")
STATUSES = {"running": "RUNNING", "finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}


class Point(NamedTuple):
    """One measured value; MLflow holds two equal points as one."""

    key: str
    step: int
    time_ms: int
    value: float


@dataclass(frozen=True)
class RunView:
    """One MLflow run as it should be.

    A view of an evaluation alone does not lead: its start is not the run's. Only the view of a run that
    has ended is whole: metrics that are not among its points do not belong to it.
    """

    run_key: str
    original_key: str  # under which MLflow first saw it: the run key, unless results were re-keyed since
    name: str
    status: str
    start_time: int
    end_time: int
    params: dict[str, str]
    tags: dict[str, str]
    points: list[Point]
    datasets: list[dict[str, Any]]
    artifacts: list[tuple[Path, str | None]]  # a file and the folder among the run's artifacts
    leads: bool
    is_whole: bool
    is_planned: bool  # its row and seed are in the plan, so it is, or will be, in the tables
    fingerprint: str  # changes when anything of this changes
    parent: str | None = None  # the run key of the run that MLflow shows it below, which is projected before it

    @property
    def predictions(self) -> list[Path]:
        """The prediction files among the artifacts."""
        return [path for path, folder in self.artifacts if folder == PREDICTIONS]


def compose_views(index: Index) -> list[RunView]:
    """One view per run of a profile (an evaluation joins its training), in order of start time."""
    groups = [(run.records, run.is_planned) for run in index.runs if run.records]
    groups += [([record], True) for record in (*index.data, *([index.summary] if index.summary else []))]
    taken, views = {group[0]["run_key"] for group, _ in groups}, []
    for group, is_planned in groups:
        views.append(compose_view(group, index.root, index.plan, is_planned, taken - {group[0]["run_key"]}))
        taken.add(views[-1].original_key)
    return sorted(views, key=lambda view: (view.start_time, view.name))


def compose_live(record: dict[str, Any], root: Path, plan: dict[str, Any] | None) -> RunView:
    """The view of a run that goes on, from its events as a record."""
    slot = record["phase"], record["row"], record["seed"]
    return compose_view([record], root, plan, plan is None or record["seed"] is None or slot in list_planned(plan))


def compose_view(
    group: list[dict[str, Any]],
    root: Path,
    plan: dict[str, Any] | None,
    is_planned: bool,
    taken: Collection[str] = (),
) -> RunView:
    """The first record leads, a training where there is one: identity, times, status and environment are the run's.

    `taken` are the keys of other runs.
    """
    leader = group[0]
    original_key = find_original_key(leader, taken)
    files = [path for record in group for path in _locate_artifacts(record, root)]
    artifacts = [(path, _artifact_folder(path.relative_to(root))) for path in files]
    contents = [[str(path.relative_to(root)), hash_file(path)] for path, _ in artifacts]
    tasks = [task_of(path) for path, folder in artifacts if folder == PREDICTIONS]
    tags = compose_tags(leader, group, find_row(plan, leader["phase"], leader["row"]), tasks)
    tags |= compose_scores(group, plan)
    if original_key != leader["run_key"]:
        tags[ORIGINAL_KEY_TAG] = original_key
    points = [
        Point(key, step, time_ms, float(value))
        for record in group
        for key, history in record["metrics"].items()
        for step, time_ms, value in history
    ]
    datasets = {(dataset["name"], dataset["digest"]): dataset for record in group for dataset in record["datasets"]}
    return RunView(
        run_key=leader["run_key"],
        original_key=original_key,
        name=leader["row"] if leader["seed"] is None else f"{leader['row']}-{leader['seed']}",
        status=STATUSES[leader["status"]],
        start_time=leader["start_time"],
        end_time=leader["end_time"],
        params={key: _cut(_to_text(value), MAX_PARAM_LENGTH) for key, value in _merge(group, "params").items()},
        tags={key: _cut(value, MAX_TAG_LENGTH) for key, value in tags.items()},
        points=list(dict.fromkeys(points)),
        datasets=list(datasets.values()),
        artifacts=artifacts,
        leads=leader["kind"] != "evaluation",
        is_whole=leader["kind"] != "evaluation" and leader["status"] != "running",
        is_planned=is_planned,
        fingerprint=hash_bytes(json.dumps([FORMAT, group, contents, tags], sort_keys=True).encode()),
    )


def _merge(group: list[dict[str, Any]], field: str) -> dict[str, Any]:
    """The dictionaries of all records; where two say something else, the leader's (the first record's) stays."""
    return {key: value for record in reversed(group) for key, value in record[field].items()}


def _locate_artifacts(record: dict[str, Any], root: Path) -> list[Path]:
    """The files to upload, those that are there: a checkout may lack some, and they follow once they have come."""
    paths = (find_artifact(name, record, root) for name in record["artifacts"])
    return [path for path in paths if path.is_file()]


def _artifact_folder(path: Path) -> str | None:
    if "predictions" in path.parts:
        return PREDICTIONS
    if "records" in path.parts or path.suffix == ".html":
        return None
    return "figures" if path.suffix in FIGURE_SUFFIXES else "tables"


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cut(text: str, limit: int) -> str:
    marker = f" ... [cut, {len(text)} characters]"
    return text if len(text) <= limit else text[: limit - len(marker)] + marker
