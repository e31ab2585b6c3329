"""A small profile on disk, as plan and the training stages would leave it, with scores that a test chooses."""

from pathlib import Path

import pytest

from pipeline.files.atomic import write_json, write_text
from pipeline.records.record import write_record

METRICS = {"sst": "accuracy", "para": "accuracy", "sts": "pearson", "cfimdb": "accuracy"}
MAJORITY = {"sst": 0.25, "para": 0.625, "cfimdb": 0.5}
HISTORY_HEADER = "leg,epoch,step,split,task,metric,value\n"


class Profile:
    """Builds `plan/index.json` and `records/` below a folder; nothing is written until it is asked for."""

    def __init__(self, folder: Path, seeds: list[int]) -> None:
        self.plan, self.records, self.results = folder / "plan", folder / "records", folder / "results" / "demo"
        self.index = {
            "profile": "demo",
            "description": "A demonstration.",
            "encoder": "minilm",
            "seeds": seeds,
            "tasks": {task: {"metric": metric} for task, metric in METRICS.items()},
            "caveats": ["Paraphrase scores of minilm are not comparable."],
            "part1": [],
            "phase1": [],
            "phase2": [],
            "figures": {"phase1": "sst_then_sts", "phase2": "iteration_3"},
        }
        self.save()

    def save(self) -> None:
        write_json(self.plan / "index.json", self.index)

    def add(self, phase: str, row: str, scores: list[dict[str, float]], **fields) -> None:
        """List a row in the index; `scores` has one {task: score} per seed."""
        self.index[phase].append({"row": row, "tasks": list(scores[0]), **fields})
        self.save()
        for seed, by_task in zip(self.index["seeds"], scores, strict=True):
            self.write_run(phase, row, seed)
            self.write_evaluation(phase, row, seed, by_task)

    def write_run(self, phase, row, seed, /, metrics=None, history="", **changes) -> None:
        folder = self.records / phase / f"{row}-{seed}"
        self._write_record(folder / "record.json", "training", phase, row, seed, metrics or {}, changes)
        write_text(folder / "history.csv", HISTORY_HEADER + history)

    def write_evaluation(self, phase, row, seed, scores, /, extra=None, **changes) -> None:
        metrics = {f"{task}.{METRICS[task]}": score for task, score in scores.items()}
        metrics |= {f"{task}.majority_accuracy": MAJORITY[task] for task in scores if task in MAJORITY}
        points = {key: [[0, 1, value]] for key, value in (metrics | (extra or {})).items()}
        path = self.records / f"eval_{phase}" / f"{row}-{seed}" / "record.json"
        self._write_record(path, "evaluation", phase, row, seed, points, changes)

    def _write_record(self, path, kind, phase, row, seed, metrics, changes) -> None:
        record = {
            "version": 1,
            "kind": kind,
            "profile": "demo",
            "phase": phase,
            "row": row,
            "seed": seed,
            "run_key": f"key of {phase} {row} {seed}",
            "status": "finished",
            "start_time": 1_000 + seed,
            "end_time": 2_000 + seed,
            "params": {},
            "tags": {},
            "metrics": metrics,
            "datasets": [],
            "artifacts": [],
            "environment": {},
        }
        write_record(path, record | changes)


@pytest.fixture
def profile(tmp_path) -> Profile:
    """Two seeds, no rows yet."""
    return Profile(tmp_path, seeds=[0, 1])


@pytest.fixture
def single_seed_profile(tmp_path) -> Profile:
    """One seed, no rows yet."""
    return Profile(tmp_path, seeds=[7])
