"""How the cost of a PCGrad step grows: with the tokens of a batch, and with the number of tasks."""

from collections.abc import Mapping

from bench.inputs import BATCH_SIZE, TASKS
from bench.timing import Description, Samples, peak_bytes, tokens_per_second

BATCH_SIZES = (8, 16, 32, 64)  # examples of each of the three tasks
TASKS_IN_TURN = (*TASKS, "sts_2", "para_2")  # the first 1, 2, ... of them


def list_contenders(precision: str) -> dict[str, Description]:
    """A step of each size; the usual one stands in both series."""

    def describe(num_tasks: int, batch_size: int) -> Description:
        return Description("ours", "pcgrad", precision, TASKS_IN_TURN[:num_tasks], batch_size)

    by_batch = {_name(len(TASKS), size): describe(len(TASKS), size) for size in BATCH_SIZES}
    numbers = range(1, len(TASKS_IN_TURN) + 1)
    return by_batch | {_name(number, BATCH_SIZE): describe(number, BATCH_SIZE) for number in numbers}


def summarise(samples: Mapping[str, Samples], precision: str) -> dict[str, dict[str, float]]:
    """Microseconds per token and peak memory; level where cost is in proportion to tokens."""
    by_batch = {str(size): samples[_name(len(TASKS), size)] for size in BATCH_SIZES}
    by_tasks = {str(number): samples[_name(number, BATCH_SIZE)] for number in range(1, len(TASKS_IN_TURN) + 1)}
    return {
        "us_per_token_by_batch_size": {size: 1e6 / tokens_per_second(each) for size, each in by_batch.items()},
        "us_per_token_by_num_tasks": {number: 1e6 / tokens_per_second(each) for number, each in by_tasks.items()},
        "peak_mib_by_num_tasks": {number: peak_bytes(each) / 2**20 for number, each in by_tasks.items()},
    }


def _name(num_tasks: int, batch_size: int) -> str:
    return f"{num_tasks} tasks of {batch_size} examples"
