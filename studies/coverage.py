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
    "one_seed": (0.0,) * 9,  # as "unrelated", the last four with the first seed alone
}
NUM_WITH_ONE_SEED = 4
HEADER = ("rows hold the truth", "differences of unrelated rows", "of related rows", "of identical rows",
          "rows of one seed", "differences of rows of one seed", "any false mark")  # fmt: skip
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
            singles = list(predictions)[-NUM_WITH_ONE_SEED:] if mix == "one_seed" else []
            predictions |= {row: predictions[row][:1] for row in singles}
            seeds_of = {row: range(len(predictions_SN)) for row, predictions_SN in predictions.items()}
            controls = dict.fromkeys(rows, control_row)
            table = score_task(name, task.metric, labels_N, predictions, seeds_of, controls)
            for row in predictions:
                low, high = table.interval(row)
                kind = "single rows" if row in singles else "rows"
                counts[kind] += 1
                held[kind] += low <= task.score <= high
            for row, correlation in zip(rows, MIXES[mix], strict=True):
                low, high, p = table.difference(row, control_row)
                kind = "singles" if row in singles else {0.0: "unrelated", 1.0: "identical"}.get(correlation, "related")
                counts[kind] += 1
                held[kind] += low <= 0 <= high
                p_values.append(p)
        counts["tables"] += 1
        held["tables"] += min(adjust(p_values)) < FAMILY_ERROR
    kinds = ("rows", "unrelated", "related", "identical", "single rows", "singles", "tables")
    return tuple(held[kind] / counts[kind] if counts[kind] else float("nan") for kind in kinds)
