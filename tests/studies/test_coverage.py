"""The tables' intervals hold the truth about as often as they say, with few seeds too, shared or not."""

import pytest
from scipy.stats import binom

from studies.coverage import measure_coverage

NUM_TABLES = 20


@pytest.mark.parametrize(("num_seeds", "mix"), [(2, "mixed"), (3, "unrelated"), (3, "one_seed")])
def test_intervals_hold_the_truth(num_seeds, mix):
    rows, *differences, marked = measure_coverage(
        NUM_TABLES, num_seeds, noise=2.0, mix=mix, names=("sts",), seed=num_seeds
    )
    # Rows share their examples, so their intervals miss together: the bounds are wide.
    assert 0.88 <= rows <= 0.99
    for share in differences:
        assert not share < 0.87  # nan where the mix has no such rows
    assert marked * NUM_TABLES <= binom.ppf(0.999, NUM_TABLES, 0.05)
