"""Records as training, evaluation, data and report leave them, for a profile "tiny"."""

import json
from pathlib import Path

from pipeline.files.atomic import write_json, write_text
from pipeline.files.digest import hash_bytes
from pipeline.runs.record import write_record

T0 = 1_700_000_000_000
ROWS, SEEDS = ("baseline", "iteration_1", "iteration_2", "iteration_3"), (0, 1)
ROW, SEED = "iteration_3", 1  # the run that the tests look at
NUM_EPOCHS = 3
NUM_WINDOWS = 1100  # of that run: more than MLflow takes in one batch
PREDICTIONS = "id,label,prediction\na,0,0\nb,2,0\nc,1,2\nd,2,2\n"
ENVIRONMENT = {"python": "3.12.0", "git_commit": "c" * 40, "git_dirty": "false", "command": "python -m stages.train"}


def make_record(kind: str, phase: str, row: str, seed: int | None, **changes: object) -> dict:
    record = {
        "version": 2, "kind": kind, "profile": "tiny", "phase": phase, "row": row, "seed": seed,
        "run_key": hash_bytes(f"{row}-{seed}".encode()), "status": "finished", "start_time": T0, "end_time": T0 + 9000,
        "params": {}, "tags": {}, "metrics": {}, "datasets": [], "artifacts": [], "replay": {},
        "environment": dict(ENVIRONMENT),
    }  # fmt: skip
    return record | changes


def make_training(row: str, seed: int) -> dict:
    start = T0 + 100_000 * ROWS.index(row) + 10_000 * seed
    folder = f"artifacts/tiny/records/phase2/{row}-{seed}"
    dev = [[epoch * 50, start + epoch * 1000, 0.5 + epoch / 100] for epoch in range(1, NUM_EPOCHS + 1)]
    loss = [[step, start + step, 1 / (step + 1)] for step in range(NUM_WINDOWS if (row, seed) == (ROW, SEED) else 10)]
    return make_record(
        "training", "phase2", row, seed, start_time=start, end_time=start + 5000,
        params={"encoder": "minilm", "train.lr": 1e-5, "note": "n" * 7000, "cap": None, "amp": False}
        | {f"extra.{number}": number for number in range(120)},
        tags={"weights": f"artifacts/tiny/phase2/{row}-{seed}/weights.safetensors", "weights_sha256": "a" * 64},
        metrics={"dev/sst.accuracy": dev, "loss/sst": loss},
        datasets=[
            {"name": "sst_train", "digest": "d" * 64, "source": "sst.csv", "num_examples": 100, "context": "train"}
        ],
        artifacts=[f"{folder}/history.csv"],
    )  # fmt: skip


def make_evaluation(row: str, seed: int) -> dict:
    time_ms = T0 + 700_000
    return make_record(
        "evaluation", "phase2", row, seed, start_time=time_ms - 10, end_time=time_ms + 10,
        metrics={"sst.accuracy": [[0, time_ms, 0.5]], "overall": [[0, time_ms, 0.6]]},
        artifacts=[f"artifacts/tiny/predictions/phase2/{row}-{seed}/sst.csv"],
    )  # fmt: skip


def write_into(root: Path, record: dict) -> None:
    """Write a record where the pipeline does, with the files that it names."""
    evaluated = "eval_" if record["kind"] == "evaluation" else ""
    name = record["row"] if record["seed"] is None else f"{record['row']}-{record['seed']}"
    place = "summary" if record["kind"] == "summary" else f"records/{evaluated}{record['phase']}/{name}"
    write_record(root / "artifacts" / record["profile"] / place / "record.json", record)
    for artifact in record["artifacts"]:
        write_text(root / artifact, PREDICTIONS if "/predictions/" in artifact else f"{artifact}\n")


def write_plan(root: Path, rows: tuple[str, ...] = ROWS, seeds: tuple[int, ...] = SEEDS) -> None:
    """The index that plan leaves of these rows, each with the first as its control."""
    entries = [
        {"row": row, "tasks": ["sst"], "note": f"Note of {row}.", "control": None if row == rows[0] else rows[0]}
        for row in rows
    ]
    index = {"profile": "tiny", "seeds": list(seeds), "part1": [], "phase1": [], "phase2": entries}
    write_json(root / "artifacts/tiny/plan/index.json", index)


def write_records(root: Path) -> None:
    """A plan and the records of all its runs."""
    for row in ROWS:
        for seed in SEEDS:
            write_into(root, make_training(row, seed))
            write_into(root, make_evaluation(row, seed))
    for row in ("download", "tokenize"):
        write_into(root, make_record("data", "data", row, None))
    tables = [
        f"results/tiny/{name}" for name in ("table2.md", "controls.md", "report.html", "figure2.png", "figure2.svg")
    ]
    write_plan(root)
    write_into(root, make_record("summary", "summary", "summary", None, artifacts=tables, end_time=T0 + 800_000))


def event_lines(record: dict) -> list[str]:
    """The events by which a live run would have come to this record, its finish left out."""
    identity = {key: record[key] for key in ("kind", "profile", "phase", "row", "seed", "run_key")}
    start = {"event": "start", "time_ms": record["start_time"], "identity": identity, "environment": ENVIRONMENT}
    params = {"event": "params", "time_ms": record["start_time"], "params": record["params"]}
    metrics = [
        {"event": "metrics", "time_ms": time_ms, "step": step, "metrics": {key: value}}
        for key, history in record["metrics"].items()
        for step, time_ms, value in history
    ]
    metrics.sort(key=lambda event: event["time_ms"])
    return [json.dumps(event) + "\n" for event in (start, params, *metrics)]
