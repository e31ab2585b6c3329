"""Folders of predictions in the gate's layout."""

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

NUM_EXAMPLES = 400
IDS = [f"id{number}" for number in range(NUM_EXAMPLES)]
RNG = np.random.default_rng(0)
LABELS = {
    "sst": RNG.integers(0, 5, NUM_EXAMPLES).astype(float),
    "para": RNG.integers(0, 2, NUM_EXAMPLES).astype(float),
    "sts": RNG.uniform(0, 5, NUM_EXAMPLES).round(2),
}
DIFFICULTY = RNG.random(NUM_EXAMPLES)


def predict(task: str, score: float, seed: int) -> np.ndarray:
    """Predictions of this accuracy, or roughly this correlation; seeds disagree on a few examples."""
    rng = np.random.default_rng([seed, *task.encode()])
    labels = LABELS[task]
    if task == "sts":
        noise = np.sqrt(1 / score**2 - 1) * labels.std()
        shared = np.random.default_rng(9).standard_normal(NUM_EXAMPLES)
        return labels + noise * (0.95 * shared + 0.3 * rng.standard_normal(NUM_EXAMPLES))
    hard = (DIFFICULTY + 0.1 * rng.standard_normal(NUM_EXAMPLES)).argsort()[round(score * NUM_EXAMPLES) :]
    predictions = labels.copy()
    predictions[hard] = (labels[hard] + 1) % (5 if task == "sst" else 2)
    return predictions


def write_predictions(
    path: Path, task: str, predictions: Iterable[float], order: Iterable[int] = range(NUM_EXAMPLES)
) -> None:
    """Write `<path>/<task>.csv`, the rows in any order."""
    path.mkdir(parents=True, exist_ok=True)
    values = np.asarray(predictions)
    rows = [f"{IDS[place]},{LABELS[task][place]:g},{values[place]:g}\n" for place in order]
    (path / f"{task}.csv").write_text("id,label,prediction\n" + "".join(rows))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a folder of predictions: `{(phase, row, task): (score, seeds)}`."""

    def write(name: str, rows: dict[tuple[str, str, str], tuple[float, Iterable[int]]]) -> Path:
        for (phase, row, task), (score, seeds) in rows.items():
            for seed in seeds:
                write_predictions(tmp_path / name / phase / f"{row}-{seed}", task, predict(task, score, seed))
        return tmp_path / name

    return write


def compress(path: Path) -> None:
    """Replace a file by its compressed form."""
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
