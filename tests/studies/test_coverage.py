"""The tables' intervals hold the truth about as often as they say, with few seeds too."""

import pytest
from scipy.stats import binom

from studies.coverage import measure_coverage

NUM_TABLES = 24


@pytest.mark.parametrize("num_seeds", [2, 3, 5])
def test_intervals_hold_the_truth(num_seeds):
    rows, differences, marked = measure_coverage(NUM_TABLES, num_seeds, noise=2.0, tasks=("sts",), seed=num_seeds)
    # Rows share their examples, so their intervals miss together: the bounds are wide.
    assert 0.88 <= rows <= 0.99
    assert 0.88 <= differences <= 0.99
    assert marked * NUM_TABLES <= binom.ppf(0.999, NUM_TABLES, 0.05)
