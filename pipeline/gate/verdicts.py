"""Verdicts on every (phase, row, task): improved, equivalent, inconclusive, regressed or both collapsed.

A drop is called a regression when it is larger than the margin and statistically significant: its one-sided p-value,
after Holm's correction over all cells whose predictions changed, is below `FAMILY_ERROR`. A gain likewise. Two sides
that are both collapsed in all seeds are not compared.
"""

from dataclasses import dataclass

from pipeline.gate.cells import Cell
from pipeline.statistics.holm import adjust
from pipeline.statistics.noise import Noise, make_noise
from pipeline.statistics.samples import Sample, Spread, difference_variance, measure, measure_spread
from pipeline.statistics.seeds import infer_seed_sd

FAMILY_ERROR = 0.05  # share of tables of equal retrains in which any cell may be called regressed
POWER = 0.8  # with which the smallest drop that a comparison could have seen is seen
LEVEL = 0.95  # of the interval of one difference; not corrected for the number of cells
BOTH_COLLAPSED = "both collapsed"
VERDICTS = ("regressed", BOTH_COLLAPSED, "inconclusive", "equivalent", "improved")

Pair = tuple[Sample, Sample]  # baseline, current


@dataclass(frozen=True)
class Verdict:
    """One comparison. `difference` is current minus baseline, in units of the metric; None where both collapsed."""

    phase: str
    row: str
    task: str
    metric: str
    verdict: str
    baseline: float
    current: float
    difference: float | None
    low: float | None
    high: float | None
    p_drop: float  # after Holm's correction
    p_gain: float
    margin: float
    smallest_drop: float | None  # the true drop that is called regressed with probability POWER; None: none was made
    baseline_seeds: int
    current_seeds: int
    note: str
    baseline_collapsed: int = 0  # seeds
    current_collapsed: int = 0
    is_identical: bool = False  # the predictions of both sides

    @property
    def is_newly_collapsed(self) -> bool:
        """Whether the present side is collapsed in a seed, and the baseline in none."""
        return self.current_collapsed > 0 and not self.baseline_collapsed


def judge(
    cells: list[Cell], metrics: dict[str, str], margins: dict[str, float], seed_sd: dict[str, float] | None
) -> list[Verdict]:
    """A verdict for each cell, in order; `metrics`, `margins` and `seed_sd` are by task (params.yaml).

    `seed_sd` is the standard deviation between seeds that is expected before any is seen; None compares these very
    models, whatever other seeds would give.
    """
    pairs = [
        (measure(metric, cell.labels_N, cell.baseline_SN), measure(metric, cell.labels_N, cell.current_SN))
        for cell in cells
        for metric in [metrics[cell.task]]
    ]
    noises = _make_noises(cells, pairs, seed_sd)
    # What is identical cannot be called regressed by accident, so it is no comparison that Holm has to count.
    changed = [
        index
        for index, (cell, pair) in enumerate(zip(cells, pairs, strict=True))
        if not cell.is_identical and not _both_collapsed(pair)
    ]
    p_drops = [noises[index].probability_below(_difference(pairs[index])) for index in changed]
    p_gains = [1 - p_drop for p_drop in p_drops]
    adjusted = zip(changed, adjust(p_drops), adjust(p_gains), strict=True)
    tests = {index: (noises[index], p_drop, p_gain) for index, p_drop, p_gain in adjusted}
    return [
        _decide(cell, metrics[cell.task], margins[cell.task], pair, tests.get(index), len(changed))
        for index, (cell, pair) in enumerate(zip(cells, pairs, strict=True))
    ]


def _make_noises(cells: list[Cell], pairs: list[Pair], seed_sd: dict[str, float] | None) -> list[Noise]:
    """The noise of each difference; the rows of a task learn from each other how much a seed moves a score."""
    if seed_sd is None:
        return [make_noise(difference_variance(before, after)) for before, after in pairs]
    noises = {}
    for task in dict.fromkeys(cell.task for cell in cells):
        indices = [index for index, cell in enumerate(cells) if cell.task == task]
        spreads = [_measure_spread(cells[index], pairs[index]) for index in indices]
        for index, weights_G in zip(indices, infer_seed_sd(spreads, seed_sd[task]), strict=True):
            before, after = pairs[index]
            factor = 1 / before.num_seeds + 1 / after.num_seeds
            noises[index] = make_noise(difference_variance(before, after), (weights_G, factor))
    return [noises[index] for index in range(len(cells))]


def _measure_spread(cell: Cell, pair: Pair) -> Spread:
    """What both sides' seeds say; the same runs on both sides say it once."""
    before, after = map(measure_spread, pair)
    return before if cell.is_identical else before + after


def _decide(
    cell: Cell, metric: str, margin: float, pair: Pair, test: tuple[Noise, float, float] | None, num_tests: int
) -> Verdict:
    """`test` is the noise and the adjusted p-values of drop and gain; None where nothing was tested."""
    before, after = pair
    difference, half_width, p_drop, p_gain, smallest_drop = _difference(pair), 0.0, 1.0, 1.0, None
    if test:
        noise, p_drop, p_gain = test
        half_width = noise.quantile((1 + LEVEL) / 2)
        smallest_drop = max(margin, noise.quantile(1 - FAMILY_ERROR / num_tests)) + noise.quantile(POWER)
    if _both_collapsed(pair):
        verdict = BOTH_COLLAPSED
    elif difference <= -margin and p_drop < FAMILY_ERROR:
        verdict = "regressed"
    elif difference >= margin and p_gain < FAMILY_ERROR:
        verdict = "improved"
    elif abs(difference) + half_width <= margin:
        verdict = "equivalent"
    else:
        verdict = "inconclusive"
    is_number = verdict != BOTH_COLLAPSED
    return Verdict(
        phase=cell.phase,
        row=cell.row,
        task=cell.task,
        metric=metric,
        verdict=verdict,
        baseline=before.mean,
        current=after.mean,
        difference=difference if is_number else None,
        low=difference - half_width if is_number else None,
        high=difference + half_width if is_number else None,
        p_drop=p_drop,
        p_gain=p_gain,
        margin=margin,
        smallest_drop=smallest_drop,
        baseline_seeds=before.num_seeds,
        current_seeds=after.num_seeds,
        note="; ".join(_notes(pair, cell.is_identical)),
        baseline_collapsed=int(before.collapsed_S.sum()),
        current_collapsed=int(after.collapsed_S.sum()),
        is_identical=cell.is_identical,
    )


def _difference(pair: Pair) -> float:
    before, after = pair
    return after.mean - before.mean


def _both_collapsed(pair: Pair) -> bool:
    return all(side.collapsed_S.all() for side in pair)


def _notes(pair: Pair, is_identical: bool) -> list[str]:
    notes = ["identical predictions"] if is_identical else []
    for name, sample in zip(("baseline", "current"), pair, strict=True):
        if num_collapsed := int(sample.collapsed_S.sum()):
            notes.append(f"{name}: collapsed in {num_collapsed} of {sample.num_seeds} seeds")
    return notes
