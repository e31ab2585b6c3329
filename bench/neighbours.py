"""A step beside other work: how many times as long it takes next to one and to two busy processes."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bench.timing import Description, Samples, ratio_of_seconds
from bench.worker import measure_together

NUM_BUSY = (0, 1, 2)


def list_contenders(precision: str) -> dict[str, Description]:
    """Our step and the strongest other stack's, each in its own processes."""
    return {stack: Description(stack, "pcgrad", precision) for stack in ("ours", "peer")}


def measure(precision: str, *place: Any) -> dict[str, Samples]:
    """The samples of "STACK beside NUMBER"; `place` is what `measure_together` takes after the contenders."""
    samples = {}
    for number in NUM_BUSY:
        with keep_busy(number):
            found = measure_together(list_contenders(precision), *place)
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
