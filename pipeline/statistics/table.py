"""The rows of a table, scored on the same resamples of the same examples: intervals of rows and of differences.

Shape suffixes: N examples, S seeds, B resamples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.files.digest import derive_seed
from pipeline.statistics.bootstrap import draw_seed_noise, percentile_interval, resample_scores
from pipeline.statistics.noise import make_noise
from pipeline.statistics.samples import Spread, measure, measure_spread
from pipeline.statistics.seeds import infer_seed_sd


@dataclass(frozen=True)
class RowScores:
    """A row on a task: each seed's score, their mean on every resample, and what the seeds say about each other."""

    scores_S: np.ndarray
    resampled_B: np.ndarray
    spread: Spread
    collapsed_S: np.ndarray  # whether a seed gave nearly all examples one prediction

    @property
    def mean(self) -> float:
        return float(self.scores_S.mean())

    @property
    def num_seeds(self) -> int:
        return len(self.scores_S)


@dataclass(frozen=True)
class TaskScores:
    """The rows of one table on one task. `name` decides what is drawn: the same name, the same intervals."""

    name: str
    rows: dict[str, RowScores]

    @cached_property
    def seed_weights(self) -> dict[str, np.ndarray]:
        """weights_G of each row with more than one seed; where there is none, seeds are left out of account."""
        rows = [row for row, scores in self.rows.items() if scores.num_seeds > 1]
        return dict(zip(rows, infer_seed_sd([self.rows[row].spread for row in rows]), strict=True)) if rows else {}

    def interval(self, row: str) -> tuple[float, float]:
        """The 95% interval of a row's score over examples and seeds; with one seed, over examples alone."""
        return percentile_interval(self.rows[row].resampled_B + self._seed_noise(row))

    def difference(self, row: str, control: str) -> tuple[float, float, float]:
        """low, high and two-sided p-value of row minus control: examples paired, seeds two samples."""
        ours, theirs = self.rows[row], self.rows[control]
        resampled_B = ours.resampled_B - theirs.resampled_B
        low, high = percentile_interval(resampled_B + self._seed_noise(row) - self._seed_noise(control))
        # The tail that Holm's correction asks about is beyond what the resamples reach: the p-value is in closed form.
        known = [name for name in (row, control) if name in self.seed_weights]
        seeds = [(self.seed_weights[name], 1 / self.rows[name].num_seeds) for name in known]
        below = make_noise(float(resampled_B.var()), *seeds).probability_below(ours.mean - theirs.mean)
        return low, high, 2 * min(below, 1 - below)

    def _seed_noise(self, row: str) -> np.ndarray | float:
        if row not in self.seed_weights:
            return 0.0
        rng = np.random.default_rng(derive_seed("seeds", self.name, row))
        return draw_seed_noise(self.seed_weights[row], self.rows[row].num_seeds, rng)


def score_task(name: str, metric: str, labels_N: np.ndarray, predictions: Mapping[str, np.ndarray]) -> TaskScores:
    """Score `predictions`, a predictions_SN of each row, on the same examples."""
    rng = np.random.default_rng(derive_seed("examples", name))
    resampled_BS = resample_scores(metric, labels_N, np.concatenate(list(predictions.values())), rng)
    rows, start = {}, 0
    for row, predictions_SN in predictions.items():
        sample = measure(metric, labels_N, predictions_SN)
        resampled_B = resampled_BS[:, start : start + sample.num_seeds].mean(axis=1)
        rows[row] = RowScores(sample.scores_S, resampled_B, measure_spread(sample), sample.collapsed_S)
        start += sample.num_seeds
    return TaskScores(name, rows)


def average_tasks(name: str, tasks: Mapping[str, TaskScores], rows: Mapping[str, list[str]]) -> TaskScores:
    """The plain mean over a row's tasks, seed by seed; the tasks' dev sets are independent.

    `rows` gives the tasks of each row. A row with one task has no mean: it is left out.
    """
    averaged = {}
    for row, names in rows.items():
        if len(names) < 2:
            continue
        parts = [tasks[task].rows[row] for task in names]
        scores_S = np.mean([part.scores_S for part in parts], axis=0)
        spread = Spread(
            sum_of_squares=float(((scores_S - scores_S.mean()) ** 2).sum()),
            degrees=max(part.spread.degrees for part in parts),
            flip_variance=sum(part.spread.flip_variance for part in parts) / len(parts) ** 2,
        )
        collapsed_S = np.any([part.collapsed_S for part in parts], axis=0)
        averaged[row] = RowScores(scores_S, np.mean([part.resampled_B for part in parts], axis=0), spread, collapsed_S)
    return TaskScores(name, averaged)
