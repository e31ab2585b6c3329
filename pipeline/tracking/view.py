"""What MLflow is to show of a run: its records merged and put into MLflow's terms, without touching MLflow."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.files.digest import hash_bytes, hash_file
from pipeline.tracking.collect import Found, Plan
from pipeline.tracking.tables import task_of
from pipeline.tracking.tags import compose_tags

# Limits of MLflow 3.17.2 (mlflow/utils/validation.py).
MAX_PARAM_LENGTH = 6000
MAX_TAG_LENGTH = 8000
MAX_DIGEST_LENGTH = 36

FORMAT = 2  # of what is made of a record: a change sends every run again
PREDICTIONS = "predictions"  # the folder among a run's artifacts
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
    has ended is whole: it denies metrics that are not among its points.
    """

    run_key: str
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

    @property
    def predictions(self) -> list[Path]:
        """The prediction files among the artifacts."""
        return [path for path, folder in self.artifacts if folder == PREDICTIONS]


def compose_views(records: Found, root: Path, plans: dict[str, Plan] | None = None) -> dict[str, list[RunView]]:
    """Group records by profile and run key (an evaluation has the key of its training) into one view per run.

    Runs are ordered by start time. Files named in the records are looked for below the project root. `plans` are by
    profile; without one every run counts as planned.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record, _ in records:
        groups.setdefault((record["profile"], record["run_key"]), []).append(record)
    views: dict[str, list[RunView]] = {}
    for (profile, _), group in groups.items():
        plan = (plans or {}).get(profile, Plan())
        views.setdefault(profile, []).append(_compose_view(group, Path(root), plan))
    for profile_views in views.values():
        profile_views.sort(key=lambda view: (view.start_time, view.name))
    return views


def _compose_view(group: list[dict[str, Any]], root: Path, plan: Plan) -> RunView:
    """The training record leads: its identity, times, status and environment are the run's."""
    group = sorted(group, key=lambda record: record["kind"] == "evaluation")
    leader = group[0]
    artifacts = [(path, _artifact_folder(path, root)) for record in group for path in _locate_artifacts(record, root)]
    contents = [[str(path.relative_to(root)), hash_file(path)] for path, _ in artifacts]
    tasks = [task_of(path) for path, folder in artifacts if folder == PREDICTIONS]
    tags = compose_tags(leader, group, plan.find_row(leader), tasks)
    points = [
        Point(key, step, time_ms, float(value))
        for record in group
        for key, history in record["metrics"].items()
        for step, time_ms, value in history
    ]
    datasets = {(dataset["name"], dataset["digest"]): dataset for record in group for dataset in record["datasets"]}
    return RunView(
        run_key=leader["run_key"],
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
        is_planned=plan.has(leader),
        fingerprint=hash_bytes(json.dumps([FORMAT, group, contents, tags], sort_keys=True).encode()),
    )


def _merge(group: list[dict[str, Any]], field: str) -> dict[str, Any]:
    """The dictionaries of all records; where two say something else, the leader's (the first record's) stays."""
    return {key: value for record in reversed(group) for key, value in record[field].items()}


def _locate_artifacts(record: dict[str, Any], root: Path) -> list[Path]:
    """The files to upload, those that are there: a checkout may lack some, and they follow once they have come.

    What an imported record calls artifacts/P/... or results/P/... lies below results/P/imported/ (P its profile).
    """
    profile = record["profile"]
    found = []
    for name in record["artifacts"]:
        places = [root / name]
        if "imported" in record["tags"]:
            inner = name.removeprefix(f"artifacts/{profile}/").removeprefix(f"results/{profile}/")
            places.insert(0, root / "results" / profile / "imported" / inner)
        present = [place for place in places if place.is_file()]
        found += present[:1]
    return found


def _artifact_folder(path: Path, root: Path) -> str | None:
    parts = path.relative_to(root).parts
    if "predictions" in parts:
        return PREDICTIONS
    if parts[0] == "results" and "records" not in parts:
        return "figures" if path.suffix == ".png" else "tables"
    return None


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cut(text: str, limit: int) -> str:
    marker = f" ... [cut, {len(text)} characters]"
    return text if len(text) <= limit else text[: limit - len(marker)] + marker
