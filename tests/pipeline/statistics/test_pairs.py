"""Shared seeds: the covariance that they show, the correlation that many pin down, and what pairs tell each other."""

import numpy as np
import pytest

from pipeline.statistics.pairs import Pair, infer_population, measure_scatter
from pipeline.statistics.samples import Spread
from pipeline.statistics.seeds import infer_seed_sd

RNG = np.random.default_rng(8)
NOTHING = np.ones((2, 1, 3))  # parts in which nothing flips


def make_pair(num_seeds: int, correlation: float, sd: float = 0.01, other_sd: float = 0.01) -> Pair:
    one_S, own_S = RNG.standard_normal((2, num_seeds))
    scores_2S = np.stack([sd * one_S, other_sd * (correlation * one_S + np.sqrt(1 - correlation**2) * own_S)])
    spreads = [Spread(200 * deviation**2, 200, 1e-12) for deviation in (sd, other_sd)]  # as if many rows had said so
    return Pair(measure_scatter(scores_2S, [tuple(np.repeat(NOTHING, num_seeds, axis=1))]), *infer_seed_sd(spreads))


def mean_variance(pair: Pair, others: list[Pair]) -> float:
    variances_K, weights_K = pair.variances(infer_population([(other, len(others)) for other in others]))
    assert weights_K.sum() == pytest.approx(1)
    return float(variances_K @ weights_K)


def test_scatter_is_numpys_covariance_and_flips_that_come_together():
    parts = [RNG.standard_normal((2, 5, 40)) for _ in range(2)]
    scores_2S = np.mean([part.mean(axis=2) for part in parts], axis=0)
    scatter = measure_scatter(scores_2S, [tuple(part) for part in parts])
    np.testing.assert_allclose(scatter.squares / 4, np.cov(scores_2S))
    assert scatter.degrees == 4
    flips = 0
    for part in parts:
        own = part - part.mean(axis=2, keepdims=True)
        flips = flips + np.mean([np.cov(own[:, :, place]) for place in range(40)], axis=0) / 40 / 4
    np.testing.assert_allclose(scatter.flips, flips)


@pytest.mark.parametrize(("correlation", "sd", "other_sd"), [(0.0, 0.01, 0.01), (0.9, 0.01, 0.01), (0.6, 0.02, 0.005)])
def test_many_shared_seeds_show_the_variance_of_their_difference(correlation, sd, other_sd):
    pair = make_pair(400, correlation, sd, other_sd)
    expected = sd**2 + other_sd**2 - 2 * correlation * sd * other_sd
    assert mean_variance(pair, [pair]) == pytest.approx(expected, rel=0.25)


def test_two_seeds_of_one_pair_are_half_believed_and_those_of_many_pairs_are():
    pair = make_pair(2, 0.95)
    pairs = [pair, *(make_pair(3, 0.95) for _ in range(12))]
    alone, among = mean_variance(pair, [pair]), mean_variance(pair, pairs)
    independent = mean_variance(pair, [make_pair(400, 0.0)])
    assert alone > 0.5 * independent
    assert among < 0.5 * alone
