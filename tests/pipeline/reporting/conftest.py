"""A small profile on disk, as plan and the training stages would leave it, with scores that a test chooses."""

import zlib
from pathlib import Path

import numpy as np
import pytest

from pipeline.files.atomic import write_json, write_text
from pipeline.runs.record import write_record

METRICS = {"sst": "accuracy", "para": "accuracy", "sts": "pearson", "cfimdb": "accuracy"}
MAJORITY = {"sst": 0.25, "para": 0.625, "cfimdb": 0.5}
HISTORY_HEADER = "leg,epoch,step,split,task,metric,value\n"
NUM_EXAMPLES = 40


def make_predictions(task: str, score: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions of this accuracy, to a fortieth, or of this very correlation."""
    rng = np.random.default_rng([seed, zlib.crc32(task.encode())])
    if METRICS[task] == "accuracy":
        wrong = rng.permutation(NUM_EXAMPLES)[round(score * NUM_EXAMPLES) :]
        return np.zeros(NUM_EXAMPLES), np.isin(np.arange(NUM_EXAMPLES), wrong).astype(float)
    labels = np.linspace(0, 5, NUM_EXAMPLES)
    straight = (labels - labels.mean()) / labels.std()
    noise = rng.standard_normal(NUM_EXAMPLES)
    noise -= noise.mean() + straight * (noise @ straight) / NUM_EXAMPLES
    return labels, score * straight + np.sqrt(1 - score**2) * noise / noise.std()


class Profile:
    """Builds plan, records and predictions of the profile `demo`; nothing is written until it is asked for."""

    def __init__(self, folder: Path, seeds: list[int]) -> None:
        self.root, self.results = folder, folder / "results/demo"
        self.plan, self.records, self.predictions = (
            folder / "artifacts/demo" / name for name in ("plan", "records", "predictions")
        )
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
        """List a row in the index; `scores` has one {task: score} per seed, its own `seeds` where it has some."""
        self.index[phase].append({"row": row, "tasks": list(scores[0]), **fields})
        self.save()
        for seed, by_task in zip(fields.get("seeds", self.index["seeds"]), scores, strict=True):
            self.write_run(phase, row, seed)
            self.write_evaluation(phase, row, seed, by_task)

    def write_run(self, phase, row, seed, /, metrics=None, history="", **changes) -> None:
        folder = self.records / phase / f"{row}-{seed}"
        self._write_record(folder / "record.json", "training", phase, row, seed, metrics or {}, changes)
        write_text(folder / "history.csv", HISTORY_HEADER + history)

    def collapse(self, phase, row, seed, *tasks) -> None:
        """Give all examples of a task one prediction."""
        for task in tasks:
            labels = make_predictions(task, 0.5, seed)[0]
            self.write_predictions(phase, row, seed, task, labels, np.ones(NUM_EXAMPLES))

    def write_evaluation(self, phase, row, seed, scores, /, extra=None, **changes) -> None:
        metrics = {f"{task}.{METRICS[task]}": score for task, score in scores.items()}
        metrics |= {f"{task}.majority_accuracy": MAJORITY[task] for task in scores if task in MAJORITY}
        points = {key: [[0, 1, value]] for key, value in (metrics | (extra or {})).items()}
        for task, score in scores.items():
            self.write_predictions(phase, row, seed, task, *make_predictions(task, score, seed))
        path = self.records / f"eval_{phase}" / f"{row}-{seed}" / "record.json"
        self._write_record(path, "evaluation", phase, row, seed, points, changes)

    def write_predictions(self, phase, row, seed, task, labels, predictions) -> None:
        lines = [f"id{place},{label:.7g},{predictions[place]:.7g}\n" for place, label in enumerate(labels)]
        path = self.predictions / phase / f"{row}-{seed}" / f"{task}.csv"
        write_text(path, "id,label,prediction\n" + "".join(lines))

    def _write_record(self, path, kind, phase, row, seed, metrics, changes) -> None:
        record = {
            "version": 2,
            "kind": kind,
            "profile": "demo",
            "phase": phase,
            "row": row,
            "seed": seed,
            "run_key": f"key-of-{phase}-{row}-{seed}",
            "status": "finished",
            "start_time": 1_000 + seed,
            "end_time": 2_000 + seed,
            "params": {},
            "tags": {},
            "metrics": metrics,
            "datasets": [],
            "artifacts": [],
            "environment": {},
            "replay": {},
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
