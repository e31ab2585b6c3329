"""What MLflow is to show of a run: its records merged and put into MLflow's terms, without touching MLflow."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.files.digest import hash_bytes, hash_file

# Limits of MLflow 3.17.2 (mlflow/utils/validation.py).
MAX_PARAM_LENGTH = 6000
MAX_TAG_LENGTH = 8000
MAX_DIGEST_LENGTH = 36

WEIGHTS_SUFFIX = ".safetensors"  # never uploaded
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
    fingerprint: str  # changes when anything of this changes


def compose_views(records: list[tuple[dict[str, Any], Path]], root: Path) -> dict[str, list[RunView]]:
    """Group records by profile and run key (an evaluation has the key of its training) into one view per run.

    Runs are ordered by start time. Files named in the records are looked for below the project root.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record, _ in records:
        groups.setdefault((record["profile"], record["run_key"]), []).append(record)
    views: dict[str, list[RunView]] = {}
    for (profile, _), group in groups.items():
        views.setdefault(profile, []).append(_compose_view(group, Path(root)))
    for profile_views in views.values():
        profile_views.sort(key=lambda view: (view.start_time, view.name))
    return views


def _compose_view(group: list[dict[str, Any]], root: Path) -> RunView:
    """The training record leads: its identity, times, status and environment are the run's."""
    group = sorted(group, key=lambda record: record["kind"] == "evaluation")
    leader = group[0]
    artifacts = [(path, _artifact_folder(path, root)) for record in group for path in _locate_artifacts(record, root)]
    contents = [[str(path.relative_to(root)), hash_file(path)] for path, _ in artifacts]
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
        tags={key: _cut(value, MAX_TAG_LENGTH) for key, value in _compose_tags(leader, group).items() if value},
        points=list(dict.fromkeys(points)),
        datasets=list(datasets.values()),
        artifacts=artifacts,
        leads=leader["kind"] != "evaluation",
        is_whole=leader["kind"] != "evaluation" and leader["status"] != "running",
        fingerprint=hash_bytes(json.dumps([group, contents], sort_keys=True).encode()),
    )


def _merge(group: list[dict[str, Any]], field: str) -> dict[str, Any]:
    """The dictionaries of all records; where two say something else, the leader's (the first record's) stays."""
    return {key: value for record in reversed(group) for key, value in record[field].items()}


def _compose_tags(leader: dict[str, Any], group: list[dict[str, Any]]) -> dict[str, str]:
    ran_in = dict(leader["environment"])
    commit, dirty = ran_in.pop("git_commit", "unknown"), ran_in.pop("git_dirty", "unknown")
    weights = [path for path in leader["artifacts"] if path.endswith(WEIGHTS_SUFFIX)]
    identity = {
        "row": leader["row"],
        "seed": "" if leader["seed"] is None else str(leader["seed"]),
        "phase": leader["phase"].removeprefix("eval_"),
        "profile": leader["profile"],
        "kind": leader["kind"],
        "encoder": str(leader["params"].get("encoder", leader["params"].get("encoder.name", ""))),
        "git_commit": commit,
        "git_dirty": dirty,
    }
    return {
        **identity,  # first, since MLflow shows tags in this order
        **_merge(group, "tags"),
        "weights": ", ".join(weights),
        **{f"dataset.{data['name']}": data["digest"] for record in group for data in record["datasets"]},
        **{f"environment.{key}": value for key, value in ran_in.items()},
        # What fills the fields "Source" and "Version" of MLflow's pages.
        "mlflow.source.name": ran_in.get("command", ""),
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": commit.removeprefix("unknown"),
        # Once more: what a record's own tags say of these does not count, but for the encoder's name.
        **{key: value for key, value in identity.items() if key != "encoder" or value},
    }


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
        if present and not name.endswith(WEIGHTS_SUFFIX):
            found.append(present[0])
    return found


def _artifact_folder(path: Path, root: Path) -> str | None:
    parts = path.relative_to(root).parts
    if "predictions" in parts:
        return "predictions"
    if parts[0] == "results" and "records" not in parts:
        return "figures" if path.suffix == ".png" else "tables"
    return None


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cut(text: str, limit: int) -> str:
    marker = f" ... [cut, {len(text)} characters]"
    return text if len(text) <= limit else text[: limit - len(marker)] + marker
