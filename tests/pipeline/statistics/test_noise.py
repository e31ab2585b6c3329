"""The distribution of a difference without cause, against scipy's normal and t."""

import numpy as np
import pytest
from scipy.stats import norm, t

from pipeline.statistics.noise import Noise, make_noise
from pipeline.statistics.seeds import SD_G


def test_examples_alone_are_normal():
    noise = make_noise(0.02**2)
    assert noise.probability_below(-0.03) == pytest.approx(norm.cdf(-1.5))
    assert noise.quantile(0.975) == pytest.approx(0.02 * norm.ppf(0.975))


def test_seeds_add_their_variance_by_their_number():
    weights_G = np.eye(len(SD_G))[40]
    noise = make_noise(0.01**2, (weights_G, 1 / 3), (weights_G, 1 / 2))
    assert noise.quantile(0.9) == pytest.approx(np.sqrt(0.01**2 + SD_G[40] ** 2 * 5 / 6) * norm.ppf(0.9))


def test_a_variance_from_few_seeds_has_the_tails_of_t():
    """With a flat prior of log sd the mixture is Student's t; the grid's ends cut off the rest."""
    degrees, sd = 8, 0.005
    log_likelihood_G = -degrees * np.log(SD_G) - degrees * sd**2 / (2 * SD_G**2)
    weights_G = np.exp(log_likelihood_G - log_likelihood_G.max())
    noise = make_noise(0.0, (weights_G, 1.0))
    for probability in (0.9, 0.975, 0.999):
        assert noise.quantile(probability) == pytest.approx(sd * t.ppf(probability, degrees), rel=0.01)


def test_no_noise_is_an_answer():
    noise = make_noise(0.0)
    assert [noise.probability_below(value) for value in (-0.1, 0.0, 0.1)] == [0, 0.5, 1]
    assert noise.quantile(0.975) == 0


def test_condensed_noise_is_the_same_noise():
    rng = np.random.default_rng(0)
    noise = Noise(rng.lognormal(size=5000), rng.random(5000) / 2500)
    few = noise.condense()
    assert len(few.variances) < 400 and (np.diff(few.variances) > 0).all()
    assert few.weights.sum() == pytest.approx(noise.weights.sum())
    assert few.weights @ few.variances == pytest.approx(noise.weights @ noise.variances)
