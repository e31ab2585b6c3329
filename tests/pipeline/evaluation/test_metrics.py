"""The paper's metrics against scikit-learn and scipy, and what a constant guess scores."""

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import accuracy_score, mean_squared_error

from pipeline.evaluation.metrics import METRICS, accuracy, is_constant, pearson, score


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("num_examples", [1, 2, 500])
def test_accuracy_equals_scikit_learns(rng, num_examples):
    labels, predictions = rng.integers(0, 3, (2, num_examples)).astype(np.float32)
    assert accuracy(labels, predictions) == pytest.approx(accuracy_score(labels, predictions), abs=1e-12)


@pytest.mark.parametrize("num_examples", [2, 500])
def test_pearson_equals_scipys(rng, num_examples):
    labels = rng.uniform(0, 5, num_examples)
    predictions = labels + rng.normal(0, 2, num_examples)
    assert pearson(labels, predictions) == pytest.approx(pearsonr(labels, predictions).statistic, abs=1e-12)
    assert pearson(labels, -predictions) == pytest.approx(-pearson(labels, predictions), abs=1e-12)


@pytest.mark.parametrize("constant", [0.0, 2.5, -1e-3, 1e6])
def test_constant_predictions_correlate_with_nothing(rng, constant):
    labels = rng.uniform(0, 5, 50).astype(np.float32)
    predictions = np.full(50, constant, np.float32)
    predictions[0] = np.nextafter(predictions[0], np.float32(np.inf))  # what rounding makes of a constant
    result = score("sts", "pearson", labels, predictions, labels)
    assert (result["sts.pearson"], result["sts.constant"]) == (0.0, 1.0)
    assert pearson(predictions, labels) == 0.0


def test_small_differences_are_no_constant(rng):
    predictions = 2.5 + 1e-4 * rng.normal(size=50)
    assert not is_constant(predictions)
    assert score("sts", "pearson", predictions, predictions, predictions)["sts.constant"] == 0.0
    assert pearson(predictions, predictions) == pytest.approx(1)


def test_a_classification_brings_the_majority_of_the_training_set(rng):
    train, labels = rng.choice(3, 200, p=[0.2, 0.5, 0.3]), rng.choice(3, 100, p=[0.6, 0.2, 0.2])
    predictions = rng.integers(0, 3, 100)
    majority = DummyClassifier().fit(train[:, None], train).predict(labels[:, None])
    result = score("sst", "accuracy", labels.astype(np.float32), predictions, train.astype(np.float32))
    assert result == {
        "sst.accuracy": pytest.approx(accuracy_score(labels, predictions)),
        "sst.majority_accuracy": pytest.approx(accuracy_score(labels, majority)),
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
        "sts.constant": 0.0,
    }


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_1_for_perfect_predictions(rng, metric):
    labels = rng.integers(0, 5, 30)
    assert score("t", metric, labels, labels, labels)[f"t.{metric}"] == pytest.approx(1)
