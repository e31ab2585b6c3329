"""What it costs to note what a run does: its event file, and the projection of records to MLflow."""

import os
from itertools import combinations
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from bench.inputs import TASKS
from pipeline.files.digest import hash_bytes
from pipeline.runs import layout
from pipeline.runs.events import EventLog, read_events
from pipeline.runs.record import build_record, write_record

NUM_RECORDS, NUM_POINTS = 30, 1000  # points of each record
CHECKPOINT_SECONDS = 20  # a training run's, by default; each one writes the event file out to the disk
PROFILE = "bench"


def measure_event_file(log_every: int, step_seconds: float, num_rounds: int) -> dict[str, float]:
    """The share of training time that goes into the event file, at the loop's pace."""
    with TemporaryDirectory() as folder, EventLog.start(Path(folder) / "events.jsonl", _identify(0)) as log:
        points, writes = [], []
        for number in range(100 * num_rounds):
            start = perf_counter()
            log.metrics(_make_point(number), number)
            points.append(perf_counter() - start)
        for number in range(num_rounds):
            log.metrics(_make_point(number), number)
            start = perf_counter()
            log.content  # noqa: B018 - reading it writes the file out
            writes.append(perf_counter() - start)
        log.finish()
    share = median(points) / (log_every * step_seconds) + median(writes) / CHECKPOINT_SECONDS
    return {"event_log_share": share, "event_log_point_us": 1e6 * median(points)}


def measure_projection() -> dict[str, float]:
    """Seconds to show records in a new sqlite store, and again where nothing has changed; imports come before."""
    from pipeline.tracking.collect import collect
    from pipeline.tracking.projection import project

    before = os.environ.get("MLFLOW_TRACKING_URI")
    with TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{root / 'mlflow.db'}"
        try:
            write_records(root)
            seconds = []
            for expected in ("num_created", "num_unchanged"):
                start = perf_counter()
                indexes, problems = collect(root)
                summary = project(indexes, root)
                seconds.append(perf_counter() - start)
                if problems or getattr(summary, expected) != NUM_RECORDS:
                    raise RuntimeError(f"projected {summary} of {NUM_RECORDS} records, {problems}")
        finally:
            del os.environ["MLFLOW_TRACKING_URI"]
            if before is not None:
                os.environ["MLFLOW_TRACKING_URI"] = before
    first, again = seconds
    return {"projection_first_s": first, "projection_again_s": again}


def write_records(root: Path) -> None:
    """Write training records as a run's event file becomes one, each of `NUM_POINTS` points."""
    events = root / "events.jsonl"
    for number in range(NUM_RECORDS):
        with EventLog.start(events, _identify(number)) as log:
            log.params({"train": {"learning_rate": 1e-5}, "encoder": "minilm"})
            step = 0
            for step in range(NUM_POINTS // len(_make_point(0))):
                log.metrics(_make_point(step), step)
            rest = list(_make_point(0).items())[: NUM_POINTS % len(_make_point(0))]
            log.metrics(dict(rest), step + 1)
            log.finish()
        folder = layout.training_record(PROFILE, "phase2", f"row_{number}", 0)
        write_record(root / folder / "record.json", build_record(read_events(events)))


def _make_point(number: int) -> dict[str, float]:
    """What the training loop logs at one step of three tasks."""
    value = 1 / (number + 1)
    pairs = [f"{first}_{second}" for first, second in combinations(TASKS, 2)]
    return {
        **{f"loss/{task}": value for task in TASKS},
        **{f"gradients/{name}.{pair}": value for name in ("cosine", "conflict") for pair in pairs},
        "learning_rate": 1e-5,
        "tokens_per_second": 5000 * value,
    }


def _identify(number: int) -> dict[str, Any]:
    row = f"row_{number}"
    key = hash_bytes(row.encode())
    return {"kind": "training", "profile": PROFILE, "phase": "phase2", "row": row, "seed": 0, "run_key": key}
