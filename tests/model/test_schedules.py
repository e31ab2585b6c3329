"""Every learning-rate schedule by contract, and each by its formula."""

import math

import pytest

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
