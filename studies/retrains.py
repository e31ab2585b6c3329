"""Retrains that never were: predictions of models that differ as real seeds do.

Examples have a difficulty that all models share; a model adds its own noise to it, so that two seeds of one row
disagree on as many examples as real ones do, and a seed adds its own quality, so that scores move as they do.

Shape suffixes: N examples, S seeds.
"""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import ndtri
from scipy.stats import multivariate_normal

from pipeline.evaluation.metrics import METRICS


@dataclass(frozen=True)
class TaskNoise:
    """How a task's retrains differ; README.md says where the figures come from."""

    metric: str
    num_examples: int
    score: float
    agreement: float  # correlation of two seeds: of the latent correctness, or of the predicted scores
    seed_sd: float  # between seeds, beyond what flipped predictions bring


TASKS = {
    "sst": TaskNoise("accuracy", 1101, 0.50, 0.92, 0.004),
    "para": TaskNoise("accuracy", 20212, 0.80, 0.94, 0.002),
    "sts": TaskNoise("pearson", 863, 0.75, 0.95, 0.0131),  # with the flips .0137: measured, as params.yaml says
    "cfimdb": TaskNoise("accuracy", 245, 0.96, 0.95, 0.004),
}


def at_measured_noise(path: Path) -> dict[str, TaskNoise]:
    """`TASKS`, with the seed noise that `studies.seed_noise` wrote to a file, where it is there, of tasks it names."""
    measured = json.loads(path.read_text())["tasks"] if path.is_file() else {}
    return {
        name: replace(task, seed_sd=measured[name]["sd"]) if name in measured else task for name, task in TASKS.items()
    }


def disagreement(task: TaskNoise) -> float:
    """The share of examples that one of two seeds gets right and the other wrong (of classes only)."""
    both = multivariate_normal(cov=[[1, task.agreement], [task.agreement, 1]]).cdf([ndtri(task.score)] * 2)
    return float(2 * (task.score - both))


def share_difficulty(rng: np.random.Generator, task: TaskNoise) -> tuple[np.ndarray, np.ndarray]:
    """labels_N and the part of every model's predictions that they have in common."""
    if METRICS[task.metric].LABELS == "classes":
        return np.zeros(task.num_examples), rng.standard_normal(task.num_examples)
    return rng.uniform(0, 5, task.num_examples), rng.standard_normal(task.num_examples)


@dataclass(frozen=True)
class Seeds:
    """What the seeds of a row differ by, in standard deviations: their quality, and each model's own noise."""

    quality_S: np.ndarray
    own_SN: np.ndarray


def draw_seeds(
    rng: np.random.Generator, task: TaskNoise, num_seeds: int, like: Seeds | None = None, correlation: float = 0.0
) -> Seeds:
    """Seeds of a row that has nothing in common with others, or correlates seed by seed with the row of `like`."""
    shapes = [num_seeds, (num_seeds, task.num_examples)]
    if like is None or correlation == 0.0:
        return Seeds(*map(rng.standard_normal, shapes))
    new = math.sqrt(1 - correlation**2)
    shared = zip((like.quality_S, like.own_SN), shapes, strict=True)
    return Seeds(*(correlation * values + new * rng.standard_normal(shape) for values, shape in shared))


def predict(
    task: TaskNoise, labels_N: np.ndarray, shared_N: np.ndarray, scores_S: np.ndarray, own_SN: np.ndarray
) -> np.ndarray:
    """predictions_SN whose expected score over all examples that there might be is `scores_S`."""
    if METRICS[task.metric].LABELS == "classes":
        latent_SN = np.sqrt(task.agreement) * shared_N + np.sqrt(1 - task.agreement) * own_SN
        return (latent_SN > ndtri(np.clip(scores_S, 0, 1))[:, None]).astype(np.float64)  # 0 is right
    # Two seeds agree through the labels by score squared; what they have in common beyond that makes up the rest.
    common = (task.agreement - task.score**2) / (1 - task.score**2)
    error_SN = np.sqrt(common) * shared_N + np.sqrt(1 - common) * own_SN
    scores_S1 = np.clip(scores_S, -1, 1)[:, None]
    return scores_S1 * (labels_N - 2.5) / np.sqrt(25 / 12) + np.sqrt(1 - scores_S1**2) * error_SN
