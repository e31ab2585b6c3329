"""Resampled scores are the metric of the resampled examples, shared by all runs, and the same every time."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm

from pipeline.evaluation.metrics import METRICS
from pipeline.statistics import bootstrap
from pipeline.statistics.bootstrap import draw_seed_noise, percentile_interval, resample_scores

RNG = np.random.default_rng(0)
LABELS_N = RNG.integers(0, 3, 50).astype(float)
PREDICTIONS_SN = np.vstack([RNG.integers(0, 3, (2, 50)), np.ones((1, 50))]).astype(float)


@pytest.mark.parametrize("metric", METRICS)
def test_each_resample_is_the_metric_of_its_examples(metric, monkeypatch):
    monkeypatch.setattr(bootstrap, "NUM_RESAMPLES", 7)
    monkeypatch.setattr(bootstrap, "NUM_AT_ONCE", 3)
    scores_BS = resample_scores(metric, LABELS_N, PREDICTIONS_SN, np.random.default_rng(4))
    rng = np.random.default_rng(4)
    for scores_S in scores_BS:
        drawn = rng.integers(50, size=50)
        expected = [METRICS[metric].score(LABELS_N[drawn], row_N[drawn]) for row_N in PREDICTIONS_SN]
        assert scores_S == pytest.approx(expected, abs=1e-6)


def test_seed_noise_has_the_variances_by_their_weights():
    noise_B = draw_seed_noise(np.array([0.0, 4.0]), np.array([3.0, 1.0]), np.random.default_rng(2))
    assert np.mean(noise_B == 0) == pytest.approx(0.75, abs=0.03)
    assert noise_B[noise_B != 0].std() == pytest.approx(2, rel=0.1)


def test_the_interval_holds_95_percent():
    low, high = percentile_interval(norm.ppf((np.arange(10_000) + 0.5) / 10_000))
    assert (low, high) == pytest.approx((-1.96, 1.96), abs=0.01)


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_need_not_know_of_resamples(metric, monkeypatch):
    monkeypatch.setattr(bootstrap, "NUM_RESAMPLES", 7)
    expected = resample_scores(metric, LABELS_N, PREDICTIONS_SN, np.random.default_rng(4))
    monkeypatch.setattr(bootstrap, "METRICS", {metric: SimpleNamespace(score=METRICS[metric].score)})
    scores_BS = resample_scores(metric, LABELS_N, PREDICTIONS_SN, np.random.default_rng(4))
    np.testing.assert_allclose(scores_BS, expected, atol=1e-6)
