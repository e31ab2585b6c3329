"""How often the tables' 95% intervals hold the truth, and how often a mark stands where there is no difference."""

from collections import Counter

import numpy as np

from pipeline.statistics.holm import adjust
from pipeline.statistics.table import score_task
from studies.retrains import TASKS, TaskNoise, draw_seeds, predict, share_difficulty

# How each of nine rows correlates, seed by seed, with the control that it shares seeds with; 1: the same predictions.
MIXES = {
    "unrelated": (0.0,) * 9,
    "mixed": (0.0, 0.0, 0.0, 0.6, 0.6, 0.6, 0.9, 0.9, 1.0),
    "related": (0.8,) * 9,
    "one_unrelated": (0.0, *(0.9,) * 8),
}
HEADER = ("rows hold the truth", "differences of unrelated rows", "of related rows", "of identical rows",
          "any false mark")  # fmt: skip
FAMILY_ERROR = 0.05


def measure_coverage(
    num_tables: int,
    num_seeds: int,
    noise: float = 1.0,
    unlike: float = 0.0,
    mix: str = "unrelated",
    names: tuple[str, ...] = ("sst", "sts"),
    tasks: dict[str, TaskNoise] = TASKS,
    seed: int = 0,
) -> tuple[float, ...]:
    """The shares that `HEADER` names, nan where `mix` has no such rows, over tables of ten equal rows.

    All rows but the first have it as control. Seeds vary as in `studies.gate.simulate_table`.
    """
    rng = np.random.default_rng(seed)
    held: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for _ in range(num_tables):
        p_values = []
        for name in names:
            task = tasks[name]
            labels_N, shared_N = share_difficulty(rng, task)
            control = draw_seeds(rng, task, num_seeds)
            predictions = {}
            for row, correlation in enumerate((1.0, *MIXES[mix])):
                seeds = control if correlation == 1.0 else draw_seeds(rng, task, num_seeds, control, correlation)
                spread = 1.0 if correlation == 1.0 else np.exp(unlike * rng.standard_normal())
                scores_S = task.score + noise * task.seed_sd * spread * seeds.quality_S
                predictions[f"row_{row}"] = predict(task, labels_N, shared_N, scores_S, seeds.own_SN)
            control_row, *rows = predictions
            seeds_of = dict.fromkeys(predictions, range(num_seeds))
            controls = dict.fromkeys(rows, control_row)
            table = score_task(name, task.metric, labels_N, predictions, seeds_of, controls)
            for low, high in map(table.interval, predictions):
                counts["rows"] += 1
                held["rows"] += low <= task.score <= high
            for row, correlation in zip(rows, MIXES[mix], strict=True):
                low, high, p = table.difference(row, control_row)
                kind = {0.0: "unrelated", 1.0: "identical"}.get(correlation, "related")
                counts[kind] += 1
                held[kind] += low <= 0 <= high
                p_values.append(p)
        counts["tables"] += 1
        held["tables"] += min(adjust(p_values)) < FAMILY_ERROR
    kinds = ("rows", "unrelated", "related", "identical", "tables")
    return tuple(held[kind] / counts[kind] if counts[kind] else float("nan") for kind in kinds)
