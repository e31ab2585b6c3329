"""Every mixing by contract; the paper's repetition of the smaller sets by its numbers and its draws."""

import numpy as np
import pytest

from model.registry import find_option_faults
from pipeline.training.mixing import MIXINGS

PLACE = {"seed": 1, "leg": 0, "epoch": 0}


def repeat(sizes, batch_size=4, **place):
    return MIXINGS["repeat"](sizes, batch_size, **(PLACE | place))


def order(steps, task="sst"):
    return np.concatenate([step[task] for step in steps]).tolist()


@pytest.mark.parametrize("name", MIXINGS)
@pytest.mark.parametrize("sizes", [{"sst": 7}, {"sst": 7, "para": 40, "sts": 1}])
def test_steps_are_batches_of_the_tasks_and_a_pure_function(name, sizes):
    mix = MIXINGS[name]
    first = mix(sizes, 8, **PLACE)
    np.random.seed(5)
    again = mix(sizes, 8, **PLACE)
    assert len(first) == len(mix(sizes, 8, **(PLACE | {"epoch": 1}))) > 0
    for step, same in zip(first, again, strict=True):
        assert step and set(step) <= set(sizes) and step.keys() == same.keys()
        for task, positions in step.items():
            assert 1 <= len(positions) <= 8 and set(positions) <= set(range(sizes[task]))
            assert np.array_equal(positions, same[task])
    assert {task for step in first for task in step} == set(sizes)
    assert find_option_faults(mix, mix.__kwdefaults__ or {}) == []


@pytest.mark.parametrize("name", MIXINGS)
def test_seed_leg_and_epoch_change_the_draws(name):
    draws = [MIXINGS[name]({"sst": 30, "para": 40}, 8, **(PLACE | change)) for change in
             ({}, {"seed": 2}, {"leg": 1}, {"epoch": 1})]  # fmt: skip
    assert len({str([{task: list(at) for task, at in step.items()} for step in draw]) for draw in draws}) == 4


def test_repeat_takes_every_example_of_the_largest_set_once():
    assert sorted(order(repeat({"sst": 33, "sts": 5}, 8))) == list(range(33)) != order(repeat({"sst": 33}, 8))


def test_repeat_shuffles_a_smaller_set_each_time_anew():
    found = order(repeat({"sst": 10, "para": 25}))
    assert sorted(found[:10]) == sorted(found[10:20]) == list(range(10))
    assert len(set(found[20:])) == 5
    assert found[:10] != found[10:20]


def test_the_papers_epoch_has_4422_steps():
    # 141,498 paraphrase pairs; 8,544 sentences of SST repeated to as many.
    steps = repeat({"para": 141_498, "sst": 8_544}, 32)
    assert len(steps) == 4422
    for task in ("para", "sst"):
        assert len(order(steps, task)) == 141_498 and len(steps[-1][task]) == 141_498 - 4421 * 32


def test_repeats_order_stays_what_it_is():
    # A golden value: another order is another result for every seed.
    assert order(repeat({"sst": 10})) == [4, 6, 5, 0, 9, 1, 3, 2, 8, 7]


def test_repeats_last_step_is_smaller_for_every_task():
    steps = repeat({"a": 100, "b": 30, "c": 7, "d": 1}, 8)
    assert [{len(at) for at in step.values()} for step in steps] == [{8}] * 12 + [{4}]


def test_repeat_draws_by_task_and_not_by_what_else_there_is():
    assert order(repeat({"sst": 10, "sts": 10})) == order(repeat({"sst": 10}))
    assert order(repeat({"sst": 10})) != order(repeat({"sts": 10}), "sts")
    assert order(repeat({"sst": 10}, 3)) == order(repeat({"sst": 10}, 7))
