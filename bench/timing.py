"""Side-by-side timing: every contender does the same piece of work in turn, and ratios are taken within a round.

What slows the machine for a while then slows both sides of a ratio; the median leaves the rest of it out.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple, Protocol

from bench.inputs import BATCH_SIZE, TASKS


class Description(NamedTuple):
    """Which contender to build, in plain values: it is sent to another process."""

    kind: str  # of bench.contenders.KINDS
    combine: str = "sum"
    precision: str = "fp32"
    tasks: tuple[str, ...] = TASKS
    batch_size: int = BATCH_SIZE  # examples of each task


class Sample(NamedTuple):
    """One measurement of a contender."""

    seconds: float  # of one step, the median of those that fitted into the time
    tokens: int  # real ones of the step's sentences, without padding
    operations: int  # floating-point operations that the step cannot do without
    peak_bytes: int  # most memory that the process (on a GPU: its tensors) has ever held

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.operations / self.seconds


Samples = list[Sample]  # of one contender, a round each


class Contender(Protocol):
    """Something that can be measured on the numbered pieces of work that all share."""

    def measure(self, number: int, seconds: float) -> Sample:
        """Do piece of work `number` for at least so many seconds, and at least once."""


def measure_in_turn(contenders: Mapping[str, Contender], num_rounds: int, seconds: float) -> dict[str, Samples]:
    """Measure each in every round, after an unmeasured first; the one that begins changes from round to round."""
    names = list(contenders)
    samples: dict[str, Samples] = {name: [] for name in names}
    for number in range(num_rounds + 1):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            sample = contenders[name].measure(number, seconds)
            if number > 0:
                samples[name].append(sample)
    return samples


def ratio_of_seconds(numerator: Samples, denominator: Samples) -> float:
    """The median over the rounds of how many times longer one takes than the other."""
    return median(above.seconds / below.seconds for above, below in zip(numerator, denominator, strict=True))


def ratio_of_rates(numerator: Samples, denominator: Samples) -> float:
    """The median over the rounds of the ratio of operations per second."""
    return median(above.rate / below.rate for above, below in zip(numerator, denominator, strict=True))


def median_seconds(samples: Samples) -> float:
    return median(sample.seconds for sample in samples)


def tokens_per_second(samples: Samples) -> float:
    return median(sample.tokens / sample.seconds for sample in samples)


def peak_bytes(samples: Sequence[Sample]) -> int:
    return max(sample.peak_bytes for sample in samples)
