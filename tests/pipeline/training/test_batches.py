"""Which examples a capped training set and the curves take."""

import numpy as np
import pytest

from pipeline.training.batches import choose


@pytest.mark.parametrize("limit", [None, 10, 11])
def test_choose_takes_all_where_there_are_no_more(limit):
    assert choose("train sst", 10, limit).tolist() == list(range(10))


def test_choose_draws_sorted_examples_by_its_purpose_alone():
    chosen = choose("train sst", 1000, 50)
    assert chosen.tolist() == sorted(set(chosen)) and len(chosen) == 50
    assert chosen.max() < 1000 and chosen.max() > 800
    assert np.array_equal(chosen, choose("train sst", 1000, 50))
    assert not np.array_equal(chosen, choose("train sts", 1000, 50))
