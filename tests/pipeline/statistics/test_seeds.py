"""The standard deviation between seeds: what is expected, what one row says, and what its neighbours do."""

import numpy as np
import pytest

from pipeline.statistics.samples import Spread
from pipeline.statistics.seeds import SD_G, infer_seed_sd


def spread(sd: float, degrees: int, flip_variance: float = 1e-9) -> Spread:
    return Spread(degrees * sd**2, degrees, flip_variance)


def median(weights_G: np.ndarray) -> float:
    return float(SD_G[np.searchsorted(weights_G.cumsum(), 0.5)])


def test_weights_are_probabilities():
    weights_RG = infer_seed_sd([spread(0.01, 2), spread(0.02, 0)], 0.005)
    assert weights_RG.shape == (2, len(SD_G))
    assert weights_RG.sum(axis=1) == pytest.approx(1)
    assert weights_RG.min() >= 0


def test_rows_learn_from_each_other_as_far_as_they_are_alike():
    alike = [spread(0.01, 2)] * 9
    alone, among = infer_seed_sd([spread(0.03, 2)])[0], infer_seed_sd([*alike, spread(0.03, 2)])[-1]
    assert 0.01 <= median(among) < 0.8 * median(alone)
    unlike = [spread(sd, 2) for sd in np.geomspace(0.0005, 0.2, 9)]
    assert median(infer_seed_sd([*unlike, spread(0.03, 2)])[-1]) > median(among)


def test_the_true_deviation_is_found_within_its_weights():
    """Of rows whose logarithms of sd are normal, the 90% intervals hold about 90%."""
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(60):
        sd_R = 0.008 * np.exp(0.4 * rng.standard_normal(8))
        scores_RS = sd_R[:, None] * rng.standard_normal((8, 3))
        spreads = [Spread(float(row_S.var() * 3), 2, 1e-8) for row_S in scores_RS]
        cumulative_RG = infer_seed_sd(spreads).cumsum(axis=1)
        low, high = (SD_G[(cumulative_RG < level).sum(axis=1)] for level in (0.05, 0.95))
        inside += list((low <= sd_R) & (sd_R <= high))
    assert 0.85 <= np.mean(inside) <= 0.96


def test_without_seeds_the_expected_stands():
    assert median(infer_seed_sd([Spread(0, 0, 0)], 0.005)[0]) == pytest.approx(0.005, rel=0.15)


def test_many_seeds_outweigh_what_was_expected():
    assert median(infer_seed_sd([spread(0.03, 200)], 0.005)[0]) == pytest.approx(0.03, rel=0.15)


def test_what_flips_explain_is_not_the_seeds():
    loud, quiet = (infer_seed_sd([spread(0.01, 50, flips)])[0] for flips in (1e-9, 0.01**2))
    assert median(quiet) < 0.5 * median(loud)
