"""The rows of a table, scored on the same resamples of the same examples: intervals of rows and of differences.

Shape suffixes: N examples, S seeds, B resamples, K a distribution's points.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from pipeline.files.digest import derive_seed
from pipeline.statistics.bootstrap import LEVEL, draw_seed_noise, percentile_interval, resample_scores
from pipeline.statistics.noise import Noise, make_noise
from pipeline.statistics.pairs import Pair, infer_population, measure_scatter
from pipeline.statistics.samples import Spread, measure, measure_spread
from pipeline.statistics.seeds import SD_G, infer_seed_sd

MIN_SHARED = 2  # shared seeds from which two rows are paired by seed: README.md, the figures of the simulation


@dataclass(frozen=True)
class RowScores:
    """A row on a task: each seed's score, also on every resample, and what the seeds say about each other."""

    seeds: tuple[int, ...]
    scores_S: np.ndarray
    resampled_SB: np.ndarray
    spread: Spread
    collapsed_S: np.ndarray  # whether a seed gave nearly all examples one prediction, in any of the tasks
    all_collapsed_S: np.ndarray  # in all of the tasks
    parts: Mapping[str, np.ndarray]  # parts_SN (`samples`) of each task whose mean the scores are

    @property
    def mean(self) -> float:
        return float(self.scores_S.mean())

    @property
    def num_seeds(self) -> int:
        return len(self.seeds)

    @property
    def resampled_B(self) -> np.ndarray:
        """The mean over the seeds on every resample."""
        return self.resampled_SB.mean(axis=0)


@dataclass(frozen=True)
class TaskScores:
    """The rows of one table on one task. `name` decides what is drawn: the same name, the same intervals.

    `controls` names the control of each row that has one: how much shared seeds are worth is learned from these pairs.
    `untrained` are the rows that no training reaches: what seeds do to heads as they are initialised says nothing about
    trained ones.
    """

    name: str
    rows: dict[str, RowScores]
    controls: Mapping[str, str] = field(default_factory=dict)
    untrained: frozenset[str] = frozenset()

    @cached_property
    def seed_weights(self) -> dict[str, np.ndarray]:
        """weights_G of each row about whose seeds something is known; of any other, seeds are left out of account.

        A row with one seed is as likely to move as the other rows are, where any of them has more. Seeds that are all
        collapsed, or all the same, say nothing: `samples.measure_spread`.
        """
        weights = {}
        for is_trained in (True, False):
            rows = {
                row: scores.spread
                for row, scores in self.rows.items()
                if (row not in self.untrained) == is_trained
                and (scores.spread.degrees or (scores.num_seeds == 1 and not scores.all_collapsed_S[0]))
            }
            if any(spread.degrees for spread in rows.values()):
                weights |= dict(zip(rows, infer_seed_sd(list(rows.values())), strict=True))
        return weights

    def covers_seeds(self, *rows: str) -> bool:
        """Whether intervals cover the seeds of these rows: not those of one seed in a table where nothing says more."""
        return all(row in self.seed_weights or self.rows[row].num_seeds > 1 for row in rows)

    def interval(self, row: str) -> tuple[float, float]:
        """The 95% interval of a row's score over examples and, where `covers_seeds`, seeds."""
        noise_B: np.ndarray | float = 0.0
        if row in self.seed_weights:
            rng = np.random.default_rng(derive_seed("seeds", self.name, row))
            noise_B = draw_seed_noise(SD_G**2 / self.rows[row].num_seeds, self.seed_weights[row], rng)
        return percentile_interval(self.rows[row].resampled_B + noise_B)

    def shared_seeds(self, row: str, control: str) -> tuple[int, ...]:
        """The seeds that both rows have, in the row's order; none is a `ValueError`."""
        theirs = self.rows[control].seeds
        shared = tuple(seed for seed in self.rows[row].seeds if seed in theirs)
        if not shared:
            raise ValueError(f"{self.name}: {row} has seeds {self.rows[row].seeds}, its control {control} {theirs}; "
                             "allowed: a control with a seed of the row")  # fmt: skip
        return shared

    def both_collapsed(self, row: str, control: str) -> bool:
        """Whether both rows are collapsed in all seeds that they share: their difference is no number."""
        ours, theirs = self._share(row, control)
        return bool(self.rows[row].all_collapsed_S[ours].all() and self.rows[control].all_collapsed_S[theirs].all())

    def difference(self, row: str, control: str) -> tuple[float, float, float]:
        """low, high and two-sided p-value of row minus control, on the seeds that both have; examples are paired.

        Seeds too, as far as the pairs of the table show that they move together and where that makes the interval
        shorter; one shared seed is not paired. Predictions that are identical in all these seeds differ by exactly 0.
        """
        (ours, theirs), sides = self._share(row, control), (self.rows[row], self.rows[control])
        difference = float(sides[0].scores_S[ours].mean() - sides[1].scores_S[theirs].mean())
        resampled_B = sides[0].resampled_SB[ours].mean(axis=0) - sides[1].resampled_SB[theirs].mean(axis=0)
        noise = self._seed_noise(row, control)
        # Ordered and signed, the draws of a pair are the same whichever way round it is asked for.
        rng = np.random.default_rng(derive_seed("seeds", self.name, *sorted((row, control))))
        noise_B = draw_seed_noise(noise.variances, noise.weights, rng) * (1 if row < control else -1)
        low, high = percentile_interval(resampled_B + noise_B)
        # The tail that Holm's correction asks about is beyond what the resamples reach: the p-value is in closed form.
        below = Noise(noise.variances + float(resampled_B.var()), noise.weights).probability_below(difference)
        return low, high, 2 * min(below, 1 - below)

    def _share(self, row: str, control: str) -> tuple[list[int], list[int]]:
        """The places of the shared seeds in both rows."""
        shared = self.shared_seeds(row, control)
        return tuple([self.rows[name].seeds.index(seed) for seed in shared] for name in (row, control))

    def _seed_noise(self, row: str, control: str) -> Noise:
        """What the choice of seeds adds to row minus control."""
        num_shared = len(self.shared_seeds(row, control))
        if self._is_identical(row, control):
            return make_noise(0.0)
        known = [self.seed_weights[name] for name in (row, control) if name in self.seed_weights]
        unpaired = make_noise(0.0, *((weights_G, 1 / num_shared) for weights_G in known)).condense()
        pair = self._pairs.get((row, control)) or self._pair(row, control)
        if pair is None:
            return unpaired
        pairs = self._pairs | {(row, control): pair}
        counts = Counter(control for _, control in pairs)
        variances_K, weights_K = pair.variances(infer_population([(pairs[key], counts[key[1]]) for key in pairs]))
        paired = Noise(variances_K / num_shared, weights_K).condense()
        return min(paired, unpaired, key=lambda noise: noise.quantile((1 + LEVEL) / 2))

    @cached_property
    def _pairs(self) -> dict[tuple[str, str], Pair]:
        found = {(row, control): self._pair(row, control) for row, control in self.controls.items()}
        return {key: pair for key, pair in found.items() if pair}

    def _pair(self, row: str, control: str) -> Pair | None:
        """None where shared seeds say nothing: too few, identical predictions, or a row that no seed changes."""
        places, sides = self._share(row, control), (self.rows[row], self.rows[control])
        moves = all(side.spread.degrees for side in sides) and sides[0].parts.keys() == sides[1].parts.keys()
        if len(places[0]) < MIN_SHARED or not moves or self._is_identical(row, control):
            return None
        scores_2S = np.stack([side.scores_S[place] for side, place in zip(sides, places, strict=True)])
        parts = [tuple(side.parts[task][place] for side, place in zip(sides, places, strict=True))
                 for task in sides[0].parts]  # fmt: skip
        return Pair(measure_scatter(scores_2S, parts), self.seed_weights[row], self.seed_weights[control])

    def _is_identical(self, row: str, control: str) -> bool:
        (ours, theirs), sides = self._share(row, control), (self.rows[row], self.rows[control])
        return sides[0].parts.keys() == sides[1].parts.keys() and all(
            np.array_equal(sides[0].parts[task][ours], sides[1].parts[task][theirs]) for task in sides[0].parts
        )


def score_task(
    name: str,
    metric: str,
    labels_N: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    seeds: Mapping[str, Sequence[int]],
    controls: Mapping[str, str] | None = None,
    untrained: Iterable[str] = (),
) -> TaskScores:
    """Score `predictions`, a predictions_SN of each row, on the same examples; `seeds` are those of each row.

    `controls` names the control of each row that has one; pairs of which a row is not here are left out.
    `untrained`: see `TaskScores`.
    """
    rng = np.random.default_rng(derive_seed("examples", name))
    resampled_BS = resample_scores(metric, labels_N, np.concatenate(list(predictions.values())), rng)
    rows, start = {}, 0
    for row, predictions_SN in predictions.items():
        sample = measure(metric, labels_N, predictions_SN)
        resampled_SB = resampled_BS[:, start : start + sample.num_seeds].T
        parts = {name: sample.parts_SN}
        rows[row] = RowScores(
            tuple(seeds[row]), sample.scores_S, resampled_SB, measure_spread(sample),
            sample.collapsed_S, sample.collapsed_S, parts,
        )  # fmt: skip
        start += sample.num_seeds
    return TaskScores(name, rows, _list_pairs(rows, controls or {}), frozenset(untrained))


def average_tasks(name: str, tasks: Mapping[str, TaskScores], rows: Mapping[str, list[str]]) -> TaskScores:
    """The plain mean over a row's tasks, seed by seed; the tasks' dev sets are independent.

    `rows` gives the tasks of each row. A row with one task has no mean: it is left out.
    """
    averaged, controls = {}, {}
    for row, names in rows.items():
        if len(names) < 2:
            continue
        parts = [tasks[task].rows[row] for task in names]
        controls |= {key: value for task in names for key, value in tasks[task].controls.items() if key == row}
        scores_S = np.mean([part.scores_S for part in parts], axis=0)
        averaged[row] = RowScores(
            seeds=parts[0].seeds,
            scores_S=scores_S,
            resampled_SB=np.mean([part.resampled_SB for part in parts], axis=0),
            spread=Spread(
                sum_of_squares=float(((scores_S - scores_S.mean()) ** 2).sum()),
                degrees=max(part.spread.degrees for part in parts),
                flip_variance=sum(part.spread.flip_variance for part in parts) / len(parts) ** 2,
            ),
            collapsed_S=np.any([part.collapsed_S for part in parts], axis=0),
            all_collapsed_S=np.all([part.collapsed_S for part in parts], axis=0),
            parts={key: parts_SN for part in parts for key, parts_SN in part.parts.items()},
        )
    untrained = frozenset().union(*(task.untrained for task in tasks.values()))
    return TaskScores(name, averaged, _list_pairs(averaged, controls), untrained)


def _list_pairs(rows: Mapping[str, RowScores], controls: Mapping[str, str]) -> dict[str, str]:
    return {row: control for row, control in controls.items() if row in rows and control in rows}
