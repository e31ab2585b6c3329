"""Every mixing by contract; each by its numbers: what it repeats, how often it draws a task, how full its steps are."""

import inspect
from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from model.registry import find_option_faults
from pipeline.training.mixing import MIXINGS

PLACE = {"seed": 1, "leg": 0, "epoch": 0}
WITH_OPTIONS = [
    {"repeat": {"steps": 4}},
    {"sampled": {"exponent": 0.5, "last_exponent": 0.0, "steps": 30}},
    {"token_budget": {"tokens": 50}},
]


def draw(choice, sizes, batch_size=8, num_epochs=60, **place):
    """The steps of an epoch; a mixing that asks for lengths or the number of epochs gets them."""
    mix = MIXINGS.bind(choice)
    lengths = {task: np.random.default_rng(3).integers(3, 40, size) for task, size in sizes.items()}
    known = {"num_epochs": num_epochs, "lengths": lengths}
    asked = {name: value for name, value in known.items() if name in inspect.signature(mix).parameters}
    return mix(sizes, batch_size, **(PLACE | place), **asked)


def repeat(sizes, batch_size=4, **place):
    return draw("repeat", sizes, batch_size, **place)


def order(steps, task="sst"):
    return np.concatenate([step[task] for step in steps]).tolist()


@pytest.mark.parametrize("choice", [*MIXINGS, *WITH_OPTIONS], ids=str)
@pytest.mark.parametrize("sizes", [{"sst": 7}, {"sst": 7, "para": 40, "sts": 1}])
def test_steps_are_batches_of_the_tasks_and_a_pure_function(choice, sizes):
    mix = MIXINGS.bind(choice)
    by_tokens = "lengths" in inspect.signature(mix).parameters
    first = draw(choice, sizes)
    np.random.seed(5)
    again = draw(choice, sizes)
    epochs = [first, *(draw(choice, sizes, epoch=epoch) for epoch in range(1, 60))]
    assert {len(steps) for steps in epochs} == {len(first)} and first
    for step, same in zip(first, again, strict=True):
        assert step.keys() == same.keys() and all(np.array_equal(step[task], same[task]) for task in step)
    for step in (step for steps in epochs for step in steps):
        assert step and set(step) <= set(sizes)
        for task, positions in step.items():
            assert len(positions) >= 1 and (by_tokens or len(positions) <= 8)
            assert set(positions) <= set(range(sizes[task]))
    seen = {(task, position) for steps in epochs for step in steps for task in step for position in step[task].tolist()}
    assert seen == {(task, position) for task, size in sizes.items() for position in range(size)}


@pytest.mark.parametrize("name", MIXINGS)
def test_the_defaults_of_its_options_are_allowed(name):
    assert find_option_faults(MIXINGS[name], MIXINGS[name].__kwdefaults__ or {}) == []


@pytest.mark.parametrize("choice", [*MIXINGS, *WITH_OPTIONS], ids=str)
def test_seed_leg_and_epoch_change_the_draws(choice):
    draws = [draw(choice, {"sst": 30, "para": 40}, **change) for change in
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


def test_repeat_with_steps_goes_on_where_the_last_epoch_ended():
    epochs = [draw({"repeat": {"steps": 3}}, {"sst": 10, "para": 100}, 4, epoch=epoch) for epoch in range(5)]
    assert [[len(at) for at in step.values()] for step in epochs[2]] == [[4, 4]] * 3
    found = np.concatenate([order(steps) for steps in epochs]).tolist()
    passes = [found[start : start + 10] for start in range(0, 60, 10)]
    assert [sorted(each) for each in passes] == [list(range(10))] * 6 and len(set(map(tuple, passes))) == 6
    assert len({position for steps in epochs for position in order(steps, "para")}) == 60


SIZES = {"sst": 900, "para": 6400, "sts": 100}


def count_tasks(options, num_epochs, epoch):
    """The steps of each task in an epoch of 3000."""
    steps = draw({"sampled": options | {"steps": 3000}}, SIZES, 4, num_epochs, epoch=epoch)
    assert {len(step) for step in steps} == {1} and {len(at) for step in steps for at in step.values()} == {4}
    counts = Counter(task for step in steps for task in step)
    return [counts[task] for task in SIZES]


@pytest.mark.parametrize("exponent", [1.0, 0.5, 0.25, 0.0])
def test_sampled_draws_tasks_by_their_sizes_to_the_exponent(exponent):
    shares = np.array([size**exponent for size in SIZES.values()])
    counts = count_tasks({"exponent": exponent}, 3, 2)
    assert chisquare(counts, 3000 * shares / shares.sum()).pvalue > 0.001
    other = np.array([size ** (exponent + 0.25) for size in SIZES.values()])
    assert chisquare(counts, 3000 * other / other.sum()).pvalue < 0.001


@pytest.mark.parametrize(("num_epochs", "exponents"), [(5, [1.0, 0.8, 0.6, 0.4, 0.2]), (1, [1.0])])
def test_annealed_sampling_falls_by_the_papers_formula(num_epochs, exponents):
    """1 - .8 (e - 1) / (E - 1) for epoch e of E, from 1."""
    for epoch, exponent in enumerate(exponents):
        shares = np.array([size**exponent for size in SIZES.values()])
        counts = count_tasks({"last_exponent": 0.2}, num_epochs, epoch)
        assert chisquare(counts, 3000 * shares / shares.sum()).pvalue > 0.001


def test_seed_leg_and_epoch_change_the_tasks_that_are_sampled():
    places = ({}, {"seed": 2}, {"leg": 1}, {"epoch": 1})
    assert len({str([list(step) for step in draw("sampled", SIZES, **place)]) for place in places}) == 4


def test_sampled_batches_lead_through_a_set_before_it_comes_again():
    epochs = [draw({"sampled": {"exponent": 0.5}}, {"sst": 33, "para": 50, "sts": 6}, 4, 8, epoch=e) for e in range(8)]
    assert {len(steps) for steps in epochs} == {9 + 13 + 2}
    for task, size in (("sst", 33), ("para", 50), ("sts", 6)):
        found = [int(at) for steps in epochs for step in steps if task in step for at in step[task]]
        passes = [found[start : start + size] for start in range(0, len(found) - size + 1, size)]
        assert len(passes) > 1 and all(sorted(each) == list(range(size)) for each in passes)
        assert len(set(map(tuple, passes))) > len(passes) / 2


def test_a_token_budget_fills_steps_and_passes_through_the_largest_set():
    rng = np.random.default_rng(0)
    lengths = {"sst": rng.integers(5, 60, 300), "sts": rng.integers(5, 60, 40)}
    mix = MIXINGS.bind({"token_budget": {"tokens": 200}})
    sizes = {task: len(each) for task, each in lengths.items()}
    for epoch in range(4):
        steps = mix(sizes, 1, lengths=lengths, **(PLACE | {"epoch": epoch}))
        for task in sizes:
            totals = [int(lengths[task][step[task]].sum()) for step in steps]
            assert max(totals) <= 200
            following = [int(lengths[task][step[task][0]]) for step in steps[1:]]
            assert all(total + length > 200 for total, length in zip(totals, following, strict=False))
        found = order(steps)
        assert len(set(found)) >= 285 and (epoch > 0 or set(found) == set(range(300)))
        assert sorted(order(steps, "sts")[:40]) == list(range(40))


def test_an_example_longer_than_the_budget_is_a_batch():
    lengths = {"sst": np.array([3, 500, 4, 5])}
    steps = MIXINGS.bind({"token_budget": {"tokens": 12}})({"sst": 4}, 1, lengths=lengths, **PLACE)
    assert [1] in [step["sst"].tolist() for step in steps] and sorted(order(steps))[:4] == [0, 1, 2, 3]
