"""Ratios are taken within a round; every contender gets the same work, in changing order."""

import pytest

from bench.timing import (
    Sample,
    measure_in_turn,
    median_seconds,
    ratio_of_rates,
    ratio_of_seconds,
    tokens_per_second,
)


def make_samples(*seconds):
    return [Sample(each, 100, 1000, 7) for each in seconds]


def test_a_slow_round_slows_both_sides():
    fast, slow = make_samples(1.0, 10.0, 2.0), make_samples(3.0, 30.0, 6.0)
    assert ratio_of_seconds(slow, fast) == 3.0
    assert ratio_of_rates(fast, slow) == 3.0
    assert median_seconds(fast) == 2.0 and tokens_per_second(fast) == 50.0


def test_rounds_that_do_not_pair_are_refused():
    with pytest.raises(ValueError):
        ratio_of_seconds(make_samples(1.0), make_samples(1.0, 2.0))


def test_everyone_does_the_same_work_after_an_unmeasured_round():
    calls = []

    class Recorder:
        def __init__(self, name):
            self.name = name

        def measure(self, number, seconds):
            calls.append((number, self.name))
            return Sample(float(number), 1, 1, 1)

    samples = measure_in_turn({name: Recorder(name) for name in "abc"}, num_rounds=2, seconds=0.0)
    assert calls == [(0, "a"), (0, "b"), (0, "c"), (1, "b"), (1, "c"), (1, "a"), (2, "c"), (2, "a"), (2, "b")]
    assert list(samples) == list("abc")
    assert all([sample.seconds for sample in each] == [1.0, 2.0] for each in samples.values())
