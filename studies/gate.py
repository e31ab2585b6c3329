"""How often the gate calls equal retrains regressed, and how often it catches a drop."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.gate.cells import Cell
from pipeline.gate.verdicts import POWER, judge
from studies.retrains import TASKS, TaskNoise, draw_seeds, predict, share_difficulty

# The shape of the real tables: four rows of one task in part 1, ten of three in part 2.
PART1 = (("sst_pretrain", "sst"), ("sst_finetune", "sst"), ("cfimdb_pretrain", "cfimdb"), ("cfimdb_finetune", "cfimdb"))
PHASE2_ROWS, PHASE2_TASKS = tuple(f"row_{number}" for number in range(10)), ("sst", "para", "sts")
HEADER = ("any false alarm", *(f"{task} caught" for task in PHASE2_TASKS))
MOST_SEEDS = 12
# Where the drops are, of those tables that have any: in one task of each of three rows.
DROPPED = (("row_0", "sst"), ("row_1", "para"), ("row_2", "sts"))


def simulate_table(
    rng: np.random.Generator,
    num_seeds: int,
    drops: dict[str, float],
    noise: float = 1.0,
    unlike: float = 0.0,
    related: float = 0.0,
    tasks: dict[str, TaskNoise] = TASKS,
) -> Iterator[Cell]:
    """A table of equal retrains, but for `drops` by task in the cells `DROPPED`.

    Seeds vary by `noise` times what `tasks` says, in some rows more than in others: by factors whose logarithms have
    the standard deviation `unlike`. Rows of a side share seeds, which correlate by `related` from row to row.
    """
    shared = {name: share_difficulty(rng, task) for name, task in tasks.items()}
    common = {name: [draw_seeds(rng, task, num_seeds) for _ in range(2)] for name, task in tasks.items()}
    places = [("part1", *place) for place in PART1]
    places += [("phase2", row, task) for row in PHASE2_ROWS for task in PHASE2_TASKS]
    for phase, row, name in places:
        task, (labels_N, shared_N) = tasks[name], shared[name]
        seed_sd = noise * task.seed_sd * np.exp(unlike * rng.standard_normal())
        sides = []
        for like, drop in zip(
            common[name], (0.0, drops.get(name, 0.0) if (row, name) in DROPPED else 0.0), strict=True
        ):
            seeds = draw_seeds(rng, task, num_seeds, like, np.sqrt(related))
            scores_S = task.score - drop + seed_sd * seeds.quality_S
            sides.append(predict(task, labels_N, shared_N, scores_S, seeds.own_SN))
        yield Cell(phase, row, name, labels_N, *sides)


@dataclass(frozen=True)
class Figures:
    """Counts over tables: those with any false alarm, and by task those whose drop was caught."""

    alarms: int
    caught: Counter[str]


def calibrate(
    num_tables: int,
    num_seeds: int,
    margins: dict[str, float],
    seed_sd: dict[str, float],
    drop: float = 0.0,
    seed: int = 0,
    **kind: Any,
) -> Figures:
    """Judge so many tables; drops, where there are any, are `drop` margins deep. `kind` as `simulate_table`."""
    rng = np.random.default_rng(seed)
    drops = {task: drop * margins[task] for task in PHASE2_TASKS} if drop else {}
    metrics = {name: task.metric for name, task in TASKS.items()}
    alarms, caught = 0, Counter()
    for _ in range(num_tables):
        verdicts = judge(list(simulate_table(rng, num_seeds, drops, **kind)), metrics, margins, seed_sd)
        regressed = [verdict for verdict in verdicts if verdict.verdict == "regressed"]
        real = [verdict for verdict in regressed if drops and (verdict.row, verdict.task) in DROPPED]
        alarms += len(regressed) > len(real)
        caught.update(verdict.task for verdict in real)
    return Figures(alarms, caught)


def measure_gate(
    num_tables: int, num_seeds: int, margins: dict[str, float], seed_sd: dict[str, float], drop: float, **kind: Any
) -> tuple[float, ...]:
    """The shares that `HEADER` names: of equal retrains, then of tables with drops. `kind` as `simulate_table`."""
    equal = calibrate(num_tables, num_seeds, margins, seed_sd, **kind)
    worse = calibrate(num_tables, num_seeds, margins, seed_sd, drop=drop, **kind)
    return tuple(count / num_tables for count in (equal.alarms, *(worse.caught[task] for task in PHASE2_TASKS)))


def find_seeds(
    num_tables: int, margins: dict[str, float], seed_sd: dict[str, float], drop: float, **kind: Any
) -> dict[str, int | None]:
    """How many seeds a side, from two on, each task takes to catch its drop in `POWER` of the tables.

    None where `MOST_SEEDS` do not.
    """
    found: dict[str, int | None] = dict.fromkeys(PHASE2_TASKS)
    for num_seeds in range(2, MOST_SEEDS + 1):
        figures = calibrate(num_tables, num_seeds, margins, seed_sd, drop=drop, **kind)
        for task in PHASE2_TASKS:
            if found[task] is None and figures.caught[task] >= POWER * num_tables:
                found[task] = num_seeds
        if None not in found.values():
            break
    return found
