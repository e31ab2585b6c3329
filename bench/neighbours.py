"""A step beside other work: how many times as long it takes next to one and to two busy processes."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.timing import Description, Samples, measure_in_turn, ratio_of_seconds
from bench.worker import Worker, open_workers

NUM_BUSY = (0, 1, 2)


def list_contenders(precision: str) -> dict[str, Description]:
    """Our step and the strongest other stack's, each in its own processes."""
    return {stack: Description(stack, "pcgrad", precision) for stack in ("ours", "peer")}


def measure(
    precision: str,
    folder: Path,
    device: str,
    num_rounds: int,
    seconds: float,
    start: Callable[[Description, Path, str], Worker] = Worker,
) -> dict[str, Samples]:
    """The samples of "STACK beside NUMBER"."""
    samples = {}
    with open_workers(list_contenders(precision), folder, device, start) as workers:
        for number in NUM_BUSY:
            with keep_busy(number):
                found = measure_in_turn(workers, num_rounds, seconds)
            samples |= {f"{stack} beside {number}": each for stack, each in found.items()}
    return samples


def summarise(samples: Mapping[str, Samples]) -> dict[str, dict[str, float]]:
    """By stack and number of busy processes: the time of a step over its time without them."""
    stacks = dict.fromkeys(name.partition(" ")[0] for name in samples)
    return {
        f"{stack}_slowdown_by_busy_processes": {
            str(number): ratio_of_seconds(samples[f"{stack} beside {number}"], samples[f"{stack} beside 0"])
            for number in NUM_BUSY[1:]
        }
        for stack in stacks
    }


@contextmanager
def keep_busy(number: int) -> Iterator[list[subprocess.Popen]]:
    """So many processes that compute until the block ends."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield busy
    finally:
        for process in busy:
            process.kill()
            process.wait()
