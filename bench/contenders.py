"""The contenders by name, and how one is measured in the process that it has to itself."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from time import perf_counter
from typing import Any

import torch

from bench.course import Course
from bench.flops import count_step
from bench.inputs import Inputs
from bench.limit import CACHED, Limit
from bench.models import build_start
from bench.ours import Evaluation, FrozenEncoding, Ours
from bench.peer import Peer
from bench.timing import Description, Sample
from pipeline.evaluation.precision import measure_bf16

# Each is called with the inputs, which say tasks, combination and precision, and the device; the result has a method
# `step(batch)`, and what does something else than train on the batch an attribute `operations`.
KINDS: dict[str, Callable[[Inputs, torch.device], Any]] = {
    "ours": Ours,
    "ours_frozen": partial(Ours, frozen=True),
    "evaluation": Evaluation,
    "frozen_encoding": FrozenEncoding,
    "course": Course,
    "peer": Peer,
    "limit": Limit,
    "limit_cached": partial(Limit, sizes=CACHED),
}


class MeasuredContender:
    """A contender of this process."""

    def __init__(self, description: Description, inputs: Inputs, device: torch.device) -> None:
        self.inputs = inputs.choose(description.tasks, description.combine, description.precision)
        self.batch_size, self.device = description.batch_size, device
        self.stack = KINDS[description.kind](self.inputs, device)
        model = build_start(self.inputs)
        self.config, self.heads = model.encoder.config, model.heads

    def measure(self, number: int, seconds: float) -> Sample:
        """Step on batch `number` for at least so many seconds, and at least once."""
        batch = self.inputs.draw(number, self.batch_size)
        lengths = self.inputs.lengths(batch)
        durations: list[float] = []
        while sum(durations) < seconds or not durations:
            self._synchronize()
            start = perf_counter()
            self.stack.step(batch)
            self._synchronize()
            durations.append(perf_counter() - start)
        operations = getattr(self.stack, "operations", None) or count_step(self.config, self.heads, lengths)
        return Sample(median(durations), sum(map(sum, lengths.values())), operations, self._read_peak())

    def _synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def _read_peak(self) -> int:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated()
        status = Path("/proc/self/status")
        if not status.exists():
            return getrusage(RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024


def describe_machine(device: torch.device) -> dict[str, Any]:
    """What the measurement of this device depends on."""
    is_cuda = device.type == "cuda"
    return {
        "name": torch.cuda.get_device_name(device) if is_cuda else "cpu",
        "num_threads": torch.get_num_threads(),
        "bf16_over_fp32": measure_bf16(device),
        "has_cuda": torch.cuda.is_available(),
    }
