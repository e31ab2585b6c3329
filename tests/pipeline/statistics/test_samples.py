"""Scores and their closed-form variances against the bootstrap, scipy and simulated seeds."""

import numpy as np
import pytest
from scipy.stats import bootstrap, pearsonr

from pipeline.statistics.samples import Spread, difference_variance, mean_variance, measure, measure_spread

RNG = np.random.default_rng(0)
LABELS_N = RNG.uniform(0, 5, 400)
SCORES_SN = LABELS_N + 1.5 * RNG.standard_normal((3, 400))
CLASSES_N = RNG.integers(0, 5, 400).astype(float)
CLASSES_SN = np.where(RNG.random((3, 400)) < 0.5, CLASSES_N, RNG.integers(0, 5, (3, 400)))


def test_parts_average_to_the_score():
    accuracy = measure("accuracy", CLASSES_N, CLASSES_SN)
    assert accuracy.scores_S == pytest.approx((CLASSES_SN == CLASSES_N).mean(axis=1))
    pearson = measure("pearson", LABELS_N, SCORES_SN)
    assert pearson.scores_S == pytest.approx([pearsonr(LABELS_N, row_N).statistic for row_N in SCORES_SN])
    for sample in (accuracy, pearson):
        assert sample.parts_SN.mean(axis=1) == pytest.approx(sample.scores_S)


def test_the_variance_of_a_correlation_is_the_bootstrap_s():
    sample = measure("pearson", LABELS_N, SCORES_SN[:1])
    oracle = bootstrap(
        (LABELS_N, SCORES_SN[0]), lambda x, y: pearsonr(x, y).statistic, paired=True, n_resamples=1000,
        method="percentile", rng=np.random.default_rng(1), vectorized=False,
    )  # fmt: skip
    assert np.sqrt(mean_variance(sample)) == pytest.approx(oracle.standard_error, rel=0.08)


def test_a_difference_is_paired_by_example():
    one, other = measure("accuracy", CLASSES_N, CLASSES_SN[:1]), measure("accuracy", CLASSES_N, CLASSES_SN[1:2])
    flips_N = one.parts_SN[0] - other.parts_SN[0]
    assert difference_variance(one, other) == pytest.approx(flips_N.var(ddof=1) / 400)
    assert difference_variance(one, one) == 0


def test_a_constant_has_correlation_0_and_is_counted():
    sample = measure("pearson", LABELS_N, np.vstack([np.full(400, 2.5), SCORES_SN[0]]))
    assert (sample.scores_S[0], sample.collapsed_S.tolist()) == (0, [True, False])
    assert not sample.parts_SN[0].any()


def test_flips_are_taken_out_of_what_seeds_differ_by():
    """Seeds of equal quality differ by their flips alone, others by their quality too."""
    rng = np.random.default_rng(2)
    for quality_sd in (0.0, 0.05):
        probability_SN = np.clip(0.5 + quality_sd * rng.standard_normal((2000, 1)), 0, 1)
        spread = measure_spread(measure("accuracy", np.ones(300), rng.random((2000, 300)) < probability_SN))
        between = spread.sum_of_squares / spread.degrees - spread.flip_variance
        assert between == pytest.approx(quality_sd**2, abs=1e-4)
        assert spread.flip_variance == pytest.approx(0.25 / 300, rel=0.02)


def test_two_seeds_are_enough_to_see_flips():
    rng = np.random.default_rng(4)
    pairs = [measure("accuracy", np.ones(300), rng.random((2, 300)) < 0.5) for _ in range(300)]
    assert np.mean([measure_spread(pair).flip_variance for pair in pairs]) == pytest.approx(0.25 / 300, rel=0.03)


def test_spreads_add_up():
    assert Spread(1.0, 2, 0.1) + Spread(2.0, 1, 0.4) == Spread(3.0, 3, pytest.approx(0.2))
    assert measure_spread(measure("accuracy", CLASSES_N, CLASSES_SN[:1])) == Spread(0.0, 0, 0.0)


def test_seeds_that_agree_on_everything_say_nothing():
    same = measure("accuracy", CLASSES_N, np.stack([CLASSES_SN[0]] * 2))
    assert measure_spread(same).degrees == 0
