"""Every learning-rate schedule by contract, and each by its formula."""

import math

import pytest
import torch
import transformers

from model.registry import find_option_faults
from model.schedules import SCHEDULES


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("num_steps", [1, 2, 3, 100])
def test_a_factor_is_finite_and_not_negative_and_some_step_moves(name, num_steps):
    factors = [SCHEDULES[name](step, num_steps) for step in range(num_steps)]
    assert all(isinstance(factor, float) and math.isfinite(factor) and factor >= 0 for factor in factors)
    assert max(factors) > 0
    assert find_option_faults(SCHEDULES[name], SCHEDULES[name].__kwdefaults__ or {}) == []


def test_constant_is_one():
    assert {SCHEDULES["constant"](step, 10) for step in range(10)} == {1.0}


@pytest.mark.parametrize("kind", ["linear", "cosine"])
@pytest.mark.parametrize(("num_steps", "warmup"), [(1, 0.1), (10, 0.0), (10, 0.3), (97, 0.1), (20, 1.0)])
def test_a_warm_up_is_transformers_from_its_second_step_on(kind, num_steps, warmup):
    """At its first, and after ours at the last of the one more that it is told of, the rate is 0."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    make = getattr(transformers, f"get_{kind}_schedule_with_warmup")
    theirs = make(optimizer, max(1, round(warmup * num_steps)), num_steps + 1)
    ours = SCHEDULES.bind({f"warmup_{kind}": {"warmup": warmup}})
    for step in range(num_steps):
        optimizer.step()
        theirs.step()
        assert ours(step, num_steps) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
    factors = [ours(step, num_steps) for step in range(num_steps)]
    assert min(factors) > 0 and max(factors) == 1


@pytest.mark.parametrize("name", ["warmup_linear", "warmup_cosine"])
def test_a_final_factor_is_where_the_fall_ends_and_not_the_rise_begins(name):
    ending = [SCHEDULES[name](step, 20, final=0.25) for step in range(20)]
    falling = [SCHEDULES[name](step, 20) for step in range(20)]
    assert ending[:2] == falling[:2] == [0.5, 1.0]
    assert ending[2:] == pytest.approx([0.25 + 0.75 * factor for factor in falling[2:]])
