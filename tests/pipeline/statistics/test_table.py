"""Rows and differences of a table: what intervals cover, pairing, one seed, and the overall score."""

import numpy as np
import pytest
from scipy.stats import norm

from pipeline.statistics.table import average_tasks, score_task

RNG = np.random.default_rng(5)
N = 600
LABELS_N = np.zeros(N)
DIFFICULTY_N = RNG.standard_normal(N)


def predict(scores: list[float], agreement: float = 0.9) -> np.ndarray:
    """predictions_SN of seeds that are right on the easier examples, as many as `scores` says."""
    latent_SN = np.sqrt(agreement) * DIFFICULTY_N + np.sqrt(1 - agreement) * RNG.standard_normal((len(scores), N))
    ranks_SN = latent_SN.argsort(axis=1).argsort(axis=1)
    return (ranks_SN >= np.round(np.array(scores) * N)[:, None]).astype(float)


def test_pairing_by_example_narrows_a_difference():
    table = score_task("t", "accuracy", LABELS_N, {"a": predict([0.6]), "b": predict([0.65]), "c": predict([0.6], 0)})
    low, high, p = table.difference("b", "a")
    assert low < 0.05 < high
    unpaired_low, unpaired_high, unpaired_p = table.difference("b", "c")
    assert high - low < 0.7 * (unpaired_high - unpaired_low)
    assert p < unpaired_p


def test_seeds_widen_an_interval_and_few_of_them_more():
    widths = {}
    for name, scores in {"alike": [0.6, 0.6, 0.6], "unlike": [0.5, 0.6, 0.7], "few": [0.55, 0.65]}.items():
        low, high = score_task(name, "accuracy", LABELS_N, {"row": predict(scores)}).interval("row")
        assert low < 0.6 < high
        widths[name] = high - low
    assert widths["alike"] < widths["unlike"]
    assert widths["few"] > 0.1


def test_one_seed_is_examples_alone():
    table = score_task("t", "accuracy", LABELS_N, {"row": predict([0.6])})
    low, high = table.interval("row")
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(0.24 / N), rel=0.07)
    assert table.seed_weights == {}


def test_a_row_is_no_different_from_itself():
    predictions_SN = predict([0.6, 0.62])
    table = score_task("t", "accuracy", LABELS_N, {"a": predictions_SN, "b": predictions_SN})
    low, high, p = table.difference("a", "b")
    assert low < 0 < high
    assert p == pytest.approx(1)


def test_the_p_value_is_that_of_the_interval():
    scores = np.linspace(0.5, 0.7, 12)
    table = score_task("t", "accuracy", LABELS_N, {"a": predict(scores), "b": predict(scores + 0.04)})
    low, high, p = table.difference("b", "a")
    assert p == pytest.approx(2 * norm.sf(0.04 / ((high - low) / 2 / 1.96)), rel=0.3)


def test_the_name_decides_what_is_drawn():
    rows = {"a": predict([0.6, 0.7]), "b": predict([0.5, 0.55])}
    tables = [score_task(name, "accuracy", LABELS_N, rows) for name in ("x", "x", "y")]
    assert tables[0].difference("a", "b") == tables[1].difference("a", "b") != tables[2].difference("a", "b")


def test_overall_is_the_mean_seed_by_seed():
    parts = [
        score_task(name, "accuracy", LABELS_N, {"a": predict(scores), **extra})
        for name, scores, extra in (("one", [0.4, 0.6], {"b": predict([0.5, 0.5])}), ("two", [0.6, 0.4], {}))
    ]
    tasks = dict(zip(("one", "two"), parts, strict=True))
    overall = average_tasks("overall", tasks, {"a": ["one", "two"], "b": ["one"]})
    assert list(overall.rows) == ["a"]
    assert overall.rows["a"].scores_S == pytest.approx([0.5, 0.5], abs=0.002)
    assert overall.rows["a"].spread.sum_of_squares == pytest.approx(0, abs=1e-5)
    assert overall.rows["a"].resampled_B.std() == pytest.approx(parts[0].rows["a"].resampled_B.std() / 2**0.5, rel=0.1)
