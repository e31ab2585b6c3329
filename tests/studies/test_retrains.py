"""Simulated seeds score, disagree and move as they are told to."""

import numpy as np
import pytest

from pipeline.statistics.samples import measure, measure_spread
from studies.retrains import TASKS, disagreement, draw_seeds, predict, share_difficulty


@pytest.mark.parametrize("name", TASKS)
def test_seeds_are_as_good_and_as_unlike_as_they_should_be(name):
    rng, task = np.random.default_rng(0), TASKS[name]
    means, spreads = [], []
    for _ in range(30):
        labels_N, shared_N = share_difficulty(rng, task)
        seeds = draw_seeds(rng, task, 10)
        scores_S = task.score + task.seed_sd * seeds.quality_S
        predictions_SN = predict(task, labels_N, shared_N, scores_S, seeds.own_SN)
        sample = measure(task.metric, labels_N, predictions_SN)
        means.append(sample.mean)
        spreads.append(measure_spread(sample))
    assert np.mean(means) == pytest.approx(task.score, abs=0.012)
    between = np.mean([spread.sum_of_squares / spread.degrees - spread.flip_variance for spread in spreads])
    assert np.sqrt(between) == pytest.approx(task.seed_sd, rel=0.3)
    if task.metric == "accuracy":
        differ = np.mean((predictions_SN[:5] == 0) != (predictions_SN[5:] == 0))
        assert differ == pytest.approx(disagreement(task), rel=0.25)
    else:
        assert np.corrcoef(predictions_SN)[0, 1:].mean() == pytest.approx(task.agreement, abs=0.01)


def test_they_disagree_as_real_seeds_do():
    """The shares that the README of the gate's room gives."""
    assert 0.10 <= disagreement(TASKS["sst"]) <= 0.15
    assert 0.06 <= disagreement(TASKS["para"]) <= 0.08
