"""Every metric against scikit-learn or scipy, what its examples contribute, and what a constant guess scores."""

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef, mean_squared_error

from pipeline.evaluation.metrics import METRICS, is_collapsed, score


@pytest.fixture
def rng():
    return np.random.default_rng(0)


ORACLES = {
    "accuracy": accuracy_score,
    "macro_f1": lambda labels, predictions: f1_score(labels, predictions, average="macro", zero_division=0),
    "matthews": matthews_corrcoef,
    "pearson": lambda labels, predictions: pearsonr(labels, predictions).statistic,
    "spearman": lambda labels, predictions: spearmanr(labels, predictions).statistic,
}


def draw(rng, metric, num_examples):
    """Labels and predictions with equal values among them, of three classes or scores in quarters."""
    labels = rng.integers(0, 3, num_examples).astype(np.float32)
    predictions = np.where(rng.random(num_examples) < 0.6, labels, rng.integers(0, 3, num_examples))
    if METRICS[metric].LABELS == "classes":
        return labels, predictions.astype(np.float32)
    labels = labels + np.float32(0.25) * rng.integers(0, 4, num_examples).astype(np.float32)
    return labels, (predictions + rng.integers(0, 9, num_examples) / 4).astype(np.float32)


@pytest.mark.parametrize("num_examples", [2, 20, 500])
@pytest.mark.parametrize("metric", ORACLES)
def test_every_metric_equals_its_oracle(rng, metric, num_examples):
    labels, predictions = draw(rng, metric, num_examples)
    predictions[:2], labels[:2] = (1, 0), (1, 2)  # a constant is another matter
    assert METRICS[metric].score(labels, predictions) == pytest.approx(ORACLES[metric](labels, predictions), abs=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_parts_are_what_the_score_loses_without_an_example(rng, metric):
    labels, predictions = (values.astype(np.float64) for values in draw(rng, metric, 400))
    module = METRICS[metric]
    whole = module.score(labels, predictions)
    parts = module.parts(labels, predictions, whole)
    assert parts.mean() == pytest.approx(whole)
    without = [module.score(np.delete(labels, n), np.delete(predictions, n)) for n in range(400)]
    np.testing.assert_allclose(parts - whole, 399 * (whole - np.array(without)), atol=0.03)


@pytest.mark.parametrize("metric", METRICS)
def test_a_constant_contributes_what_it_scores(rng, metric):
    labels, _ = draw(rng, metric, 50)
    constant, module = np.full(50, 1.0), METRICS[metric]
    constant_score = module.score(labels, constant)
    assert module.parts(labels, constant, constant_score).mean() == pytest.approx(constant_score)
    if METRICS[metric].LABELS == "scores" or metric == "matthews":
        assert constant_score == 0


def test_an_unknown_metric_is_answered_with_what_there_is():
    with pytest.raises(ValueError, match="'bleu' is unknown; allowed: accuracy, "):
        METRICS["bleu"]
    assert "bleu" not in METRICS


@pytest.mark.parametrize("constant", [0.0, 2.5, -1e-3, 1e6])
def test_constant_predictions_correlate_with_nothing(rng, constant):
    labels = rng.uniform(0, 5, 50).astype(np.float32)
    predictions = np.full(50, constant, np.float32)
    predictions[0] = np.nextafter(predictions[0], np.float32(np.inf))  # what rounding makes of a constant
    result = score("sts", "pearson", labels, predictions, labels)
    assert (result["sts.pearson"], result["sts.spread"], result["sts.collapsed"]) == (0.0, 0.0, 1.0)
    assert METRICS["pearson"].score(predictions, labels) == METRICS["spearman"].score(predictions, labels) == 0.0
    assert METRICS["spearman"].score(labels, predictions) == 0.0


def test_a_classification_brings_the_majority_of_the_training_set(rng):
    train, labels = rng.choice(3, 200, p=[0.2, 0.5, 0.3]), rng.choice(3, 100, p=[0.6, 0.2, 0.2])
    predictions = rng.integers(0, 3, 100)
    majority = DummyClassifier().fit(train[:, None], train).predict(labels[:, None])
    result = score("sst", "accuracy", labels.astype(np.float32), predictions, train.astype(np.float32))
    assert result == {
        "sst.accuracy": pytest.approx(accuracy_score(labels, predictions)),
        "sst.majority_accuracy": pytest.approx(accuracy_score(labels, majority)),
        "sst.commonest_share": pytest.approx(np.bincount(predictions).max() / 100),
        "sst.collapsed": 0.0,
    }
    assert result["sst.majority_accuracy"] < 0.5  # the training set's, not the dev set's


def test_a_regression_brings_the_mean_of_the_training_set(rng):
    train, labels = rng.uniform(0, 2, 200), rng.uniform(0, 5, 100)
    predictions = labels + rng.normal(size=100)
    mean = DummyRegressor().fit(train[:, None], train).predict(labels[:, None])
    assert score("sts", "pearson", labels, predictions, train) == {
        "sts.pearson": pytest.approx(pearsonr(labels, predictions).statistic),
        "sts.mse": pytest.approx(mean_squared_error(labels, predictions)),
        "sts.mean_score_mse": pytest.approx(mean_squared_error(labels, mean)),
        "sts.spread": pytest.approx(predictions.std() / labels.std()),
        "sts.collapsed": 0.0,
    }


@pytest.mark.parametrize("others", [1, 2])
def test_nearly_one_class_is_collapsed(others):
    predictions = np.repeat([3, 1], [100 - others, others])
    assert is_collapsed("classes", np.zeros(100), predictions) == (others == 1)  # from .99 on


@pytest.mark.parametrize("sd", [0.005, 0.02])
def test_scores_that_hardly_differ_are_collapsed_whatever_they_correlate_with(rng, sd):
    labels = rng.normal(2.5, 1.4, 1000)
    predictions = 2.5 + sd * (labels - 2.5)
    assert METRICS["pearson"].score(labels, predictions) == pytest.approx(1)
    assert is_collapsed("scores", labels, predictions) == (sd < 0.01)
