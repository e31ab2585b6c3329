"""How often the tables' 95% intervals hold the truth, and how often a mark stands where there is no difference."""

from collections import Counter

import numpy as np

from pipeline.statistics.holm import adjust
from pipeline.statistics.table import score_task
from studies.retrains import TASKS, predict, share_difficulty

HEADER = ("rows' intervals that hold the truth", "differences'", "tables with any false mark")
NUM_ROWS = 10
FAMILY_ERROR = 0.05


def measure_coverage(
    num_tables: int,
    num_seeds: int,
    noise: float = 1.0,
    unlike: float = 0.0,
    tasks: tuple[str, ...] = ("sst", "sts"),
    seed: int = 0,
) -> tuple[float, float, float]:
    """The shares that `HEADER` names, over tables of `NUM_ROWS` equal rows, all but the first with it as control.

    Seeds vary as in `studies.gate.simulate_table`.
    """
    rng = np.random.default_rng(seed)
    counts: Counter[str] = Counter()
    for _ in range(num_tables):
        p_values = []
        for name in tasks:
            task = TASKS[name]
            labels_N, shared_N = share_difficulty(rng, task)
            predictions = {}
            for row in range(NUM_ROWS):
                seed_sd = noise * task.seed_sd * np.exp(unlike * rng.standard_normal())
                scores_S = task.score + seed_sd * rng.standard_normal(num_seeds)
                predictions[f"row_{row}"] = predict(rng, task, labels_N, shared_N, scores_S)
            table = score_task(name, task.metric, labels_N, predictions)
            for low, high in (table.interval(row) for row in predictions):
                counts["rows"] += low <= task.score <= high
            control, *rows = predictions
            for low, high, p in (table.difference(row, control) for row in rows):
                counts["differences"] += low <= 0 <= high
                p_values.append(p)
        counts["marked"] += min(adjust(p_values)) < FAMILY_ERROR
    num_rows = num_tables * len(tasks) * NUM_ROWS
    num_differences = num_tables * len(tasks) * (NUM_ROWS - 1)
    return counts["rows"] / num_rows, counts["differences"] / num_differences, counts["marked"] / num_tables
