"""Which examples a step takes: the paper's repetition of the smaller sets, as a pure function."""

import numpy as np
import pytest

from pipeline.training.batches import choose, epoch_batches

PLACE = {"seed": 1, "leg": 0, "epoch": 0, "task": "sst"}


def batches(indices=range(10), batch_size=4, epoch_size=10, **place):
    return epoch_batches(np.array(indices), batch_size, epoch_size, **(PLACE | place))


def test_an_epoch_takes_every_example_once():
    indices = np.arange(100, 200, 3)
    found = np.concatenate(batches(indices, 8, len(indices)))
    assert sorted(found) == list(indices)
    assert list(found) != list(indices)


def test_a_smaller_set_is_repeated_each_time_in_another_order():
    found = np.concatenate(batches(range(10), 4, 25))
    assert sorted(found[:10]) == sorted(found[10:20]) == list(range(10))
    assert len(set(found[20:])) == 5
    assert list(found[:10]) != list(found[10:20])


def test_tasks_of_one_epoch_have_equal_batches_the_last_one_too():
    sizes = [[len(batch) for batch in batches(range(size), 8, 100)] for size in (100, 30, 7, 1)]
    assert sizes == [[8] * 12 + [4]] * 4


def test_the_papers_epoch_has_4422_steps():
    # 141,498 paraphrase pairs; 8,544 sentences of SST repeated to as many.
    for size in (141_498, 8_544):
        found = batches(range(size), 32, 141_498)
        assert len(found) == 4422
        assert sum(map(len, found)) == 141_498 and len(found[-1]) == 141_498 - 4421 * 32


def test_batches_are_a_function_of_seed_leg_epoch_and_task_alone():
    first = batches()
    np.random.seed(5)
    assert all(np.array_equal(a, b) for a, b in zip(first, batches(), strict=True))
    orders = {tuple(np.concatenate(first))}
    for change in ({"seed": 2}, {"leg": 1}, {"epoch": 1}, {"task": "sts"}):
        orders.add(tuple(np.concatenate(batches(**change))))
    assert len(orders) == 5


def test_the_batch_size_does_not_change_the_order():
    assert np.array_equal(np.concatenate(batches(batch_size=3)), np.concatenate(batches(batch_size=7)))


def test_the_order_stays_what_it_is():
    # A golden value: another order is another result for every seed.
    assert np.concatenate(batches()).tolist() == [4, 6, 5, 0, 9, 1, 3, 2, 8, 7]


@pytest.mark.parametrize("limit", [None, 10, 11])
def test_choose_takes_all_where_there_are_no_more(limit):
    assert choose("train sst", 10, limit).tolist() == list(range(10))


def test_choose_draws_sorted_examples_by_its_purpose_alone():
    chosen = choose("train sst", 1000, 50)
    assert chosen.tolist() == sorted(set(chosen)) and len(chosen) == 50
    assert chosen.max() < 1000 and chosen.max() > 800
    assert np.array_equal(chosen, choose("train sst", 1000, 50))
    assert not np.array_equal(chosen, choose("train sts", 1000, 50))
