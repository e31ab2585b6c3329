"""A batch of one task each step, drawn by the size of its set to a power; Stickland and Murray 2019 (PALs).

Exponent 1 is in proportion to size, 1/2 the square root, 1/T a temperature T, 0 all tasks alike; from 1 to .2 over the
epochs is the paper's annealed sampling.
"""

from typing import Annotated

import numpy as np

from model.registry import Bounds
from pipeline.files.digest import derive_seed
from pipeline.training.batches import pass_through

# Shape suffixes: K tasks, S steps of an epoch.

TOGETHER = False


def mix(
    num_examples: dict[str, int],
    batch_size: int,
    *,
    seed: int,
    leg: int,
    epoch: int,
    num_epochs: int,
    exponent: Annotated[float, Bounds(0)] = 1.0,
    last_exponent: Annotated[float, Bounds(-1)] = -1.0,
    steps: Annotated[int, Bounds(0)] = 0,
) -> list[dict[str, np.ndarray]]:
    """`last_exponent` is the last epoch's, reached in equal parts; below 0: `exponent` stays.

    An epoch has `steps`; 0: as many as all sets have batches. A task's batches are full and lead through its set again
    and again, each time in a new order. They go on from epoch to epoch: the tasks of the earlier ones are drawn again
    and counted.
    """
    tasks, sizes_K = list(num_examples), np.array(list(num_examples.values()))
    num_steps = steps or int((-(-sizes_K // batch_size)).sum())
    rise = (last_exponent - exponent) / (num_epochs - 1) if last_exponent >= 0 and num_epochs > 1 else 0.0

    def draw(number: int) -> np.ndarray:
        """The place in `tasks` of the task of each step of an epoch, S."""
        weights_K = (sizes_K / sizes_K.max()) ** (exponent + rise * number)
        generator = np.random.Generator(np.random.PCG64(derive_seed(seed, "tasks", leg, number)))
        return generator.choice(len(tasks), num_steps, p=weights_K / weights_K.sum())

    begins_K = sum((_count(draw(number), len(tasks)) for number in range(epoch)), np.zeros(len(tasks), int))
    drawn_S = draw(epoch)
    ends_K = begins_K + _count(drawn_S, len(tasks))
    batches = {}
    for k, task in enumerate(tasks):
        begin, end = int(begins_K[k]) * batch_size, int(ends_K[k]) * batch_size
        order = pass_through(num_examples[task], begin, end, seed, "on", leg, task)
        batches[k] = iter(order.reshape(-1, batch_size))
    return [{tasks[k]: next(batches[k])} for k in drawn_S.tolist()]


def _count(drawn_S: np.ndarray, num_tasks: int) -> np.ndarray:
    return np.bincount(drawn_S, minlength=num_tasks)
