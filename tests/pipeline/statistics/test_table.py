"""Rows and differences of a table: what intervals cover, pairing, one seed, and the overall score."""

import numpy as np
import pytest
from scipy.stats import norm

from pipeline.statistics.seeds import SD_G
from pipeline.statistics.table import TaskScores, average_tasks, score_task

RNG = np.random.default_rng(5)
N = 600
LABELS_N = np.zeros(N)
DIFFICULTY_N = RNG.standard_normal(N)


def predict(scores: list[float], agreement: float = 0.9) -> np.ndarray:
    """predictions_SN of seeds that are right on the easier examples, as many as `scores` says."""
    latent_SN = np.sqrt(agreement) * DIFFICULTY_N + np.sqrt(1 - agreement) * RNG.standard_normal((len(scores), N))
    ranks_SN = latent_SN.argsort(axis=1).argsort(axis=1)
    return (ranks_SN >= np.round(np.array(scores) * N)[:, None]).astype(float)


def score(name: str, rows: dict[str, np.ndarray], seeds: dict[str, list[int]] | None = None, **kind) -> TaskScores:
    seeds = {row: range(len(rows[row])) for row in rows} | (seeds or {})
    return score_task(name, "accuracy", LABELS_N, rows, seeds, **kind)


def test_pairing_by_example_narrows_a_difference():
    table = score("t", {"a": predict([0.6]), "b": predict([0.65]), "c": predict([0.6], 0)})
    low, high, p = table.difference("b", "a")
    assert low < 0.05 < high
    unpaired_low, unpaired_high, unpaired_p = table.difference("b", "c")
    assert high - low < 0.7 * (unpaired_high - unpaired_low)
    assert p < unpaired_p


def test_seeds_widen_an_interval_and_few_of_them_more():
    widths = {}
    for name, scores in {"alike": [0.6, 0.6, 0.6], "unlike": [0.5, 0.6, 0.7], "few": [0.55, 0.65]}.items():
        low, high = score(name, {"row": predict(scores)}).interval("row")
        assert low < 0.6 < high
        widths[name] = high - low
    assert widths["alike"] < widths["unlike"]
    assert widths["few"] > 0.1


def test_one_seed_among_rows_of_one_seed_is_examples_alone():
    table = score("t", {"row": predict([0.6]), "control": predict([0.6])})
    low, high = table.interval("row")
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(0.24 / N), rel=0.07)
    assert table.seed_weights == {}
    assert not table.covers_seeds("row", "control")


def test_one_seed_is_given_the_seed_noise_of_the_other_trained_rows():
    control, row = predict([0.5, 0.6, 0.7]), predict([0.75])
    alone, among, apart = (
        score("t", rows, **kind)
        for rows, kind in (
            ({"row": row, "control": control[:1]}, {}),
            ({"row": row, "control": control}, {}),
            ({"row": row, "control": control}, {"untrained": ["row"]}),
        )
    )
    assert np.diff(among.interval("row")) > 2 * np.diff(alone.interval("row")) == 2 * np.diff(apart.interval("row"))
    assert alone.difference("row", "control")[2] < 1e-6 < 0.01 < among.difference("row", "control")[2]
    assert among.covers_seeds("row", "control") and not apart.covers_seeds("row", "control")
    assert among.seed_weights["row"] @ SD_G == pytest.approx(0.1, rel=0.5)


def test_one_collapsed_seed_is_given_no_noise():
    table = score("t", {"row": np.zeros((1, N)), "control": predict([0.5, 0.7])})
    assert list(table.seed_weights) == ["control"]


def test_a_difference_is_that_of_the_shared_seeds():
    ours_SN, theirs_SN = predict([0.9, 0.6, 0.62]), predict([0.6, 0.58, 0.2])
    table = score("t", {"a": ours_SN, "b": theirs_SN}, {"a": [0, 1, 2], "b": [1, 2, 5]})
    assert table.shared_seeds("a", "b") == (1, 2)
    low, high, _ = table.difference("a", "b")
    assert (low + high) / 2 == pytest.approx(0.02, abs=0.02)
    with pytest.raises(ValueError, match="t: a has seeds .*, its control c"):
        score("t", {"a": ours_SN, "c": theirs_SN}, {"c": [7, 8, 9]}).difference("a", "c")


def move(rows: int, together: float, num_seeds: int = 3) -> dict[str, np.ndarray]:
    """Rows whose seeds move by .05, `together` with those of the control, the first one."""
    control_S = RNG.standard_normal(num_seeds)
    own = np.sqrt(1 - together**2) * RNG.standard_normal((rows, num_seeds))
    scores = 0.6 + 0.05 * np.concatenate([control_S[None], together * control_S + own])
    return {f"row_{place}": predict(list(row)) for place, row in enumerate(scores)}


def width(rows: dict[str, np.ndarray], **kind) -> float:
    low, high, _ = score("t", rows, **kind).difference("row_1", "row_0")
    return high - low


def test_seeds_are_paired_as_far_as_the_pairs_of_the_table_move_together():
    controls = {f"row_{place}": "row_0" for place in range(1, 7)}
    together, apart = (move(6, correlation) for correlation in (0.99, 0.0))
    assert width(together, controls=controls) < 0.6 * width(apart, controls=controls)
    assert width(together, controls=controls) < width(together)  # other pairs say more than this pair alone


def test_both_collapsed_is_said_of_shared_seeds():
    same_N = np.zeros(N)
    rows = {"a": np.stack([same_N, predict([0.6])[0]]), "b": np.stack([same_N + 1, same_N])}
    assert score("t", rows, {"a": [0, 1], "b": [2, 0]}).both_collapsed("a", "b")
    assert not score("t", rows, {"a": [0, 1], "b": [1, 0]}).both_collapsed("a", "b")


def test_overall_is_both_collapsed_only_where_every_task_is():
    constant, moving = np.zeros((2, N)), predict([0.5, 0.6])
    tasks = {name: score(name, {"a": constant, "b": side_SN}) for name, side_SN in (("x", constant), ("y", moving))} | {
        "z": score("z", {"a": constant, "b": constant})
    }
    rows = {"a": ["x", "y"], "b": ["x", "y"]}
    assert not average_tasks("overall", tasks, rows).both_collapsed("a", "b")
    assert average_tasks("overall", tasks, {"a": ["x", "z"], "b": ["x", "z"]}).both_collapsed("a", "b")
    assert average_tasks("overall", tasks, rows).rows["b"].collapsed_S.all()


def test_the_p_value_is_that_of_the_interval():
    scores = np.linspace(0.5, 0.7, 12)
    table = score("t", {"a": predict(scores), "b": predict(scores[::-1] + 0.04)})
    low, high, p = table.difference("b", "a")
    assert p == pytest.approx(2 * norm.sf(0.04 / ((high - low) / 2 / 1.96)), rel=0.3)


def test_overall_is_the_mean_seed_by_seed():
    parts = [
        score(name, {"a": predict(scores), **extra})
        for name, scores, extra in (("one", [0.4, 0.6], {"b": predict([0.5, 0.5])}), ("two", [0.6, 0.4], {}))
    ]
    tasks = dict(zip(("one", "two"), parts, strict=True))
    overall = average_tasks("overall", tasks, {"a": ["one", "two"], "b": ["one"]})
    assert list(overall.rows) == ["a"]
    assert overall.rows["a"].scores_S == pytest.approx([0.5, 0.5], abs=0.002)
    assert overall.rows["a"].spread.sum_of_squares == pytest.approx(0, abs=1e-5)
    assert overall.rows["a"].resampled_B.std() == pytest.approx(parts[0].rows["a"].resampled_B.std() / 2**0.5, rel=0.1)


def test_rows_that_predict_the_same_in_every_shared_seed_do_not_differ_at_all():
    predictions_SN = predict([0.6, 0.7, 0.65])
    table = score("t", {"a": predictions_SN, "b": predictions_SN[1:]}, {"b": [1, 2]})
    assert table.difference("a", "b") == (0.0, 0.0, 1.0)


def test_one_shared_seed_has_the_noise_of_one_seed_a_side():
    rows = {"a": predict([0.55, 0.65, 0.6]), "b": predict([0.6, 0.7, 0.5])}
    one, three = (score("t", rows, {"a": [0, 1, 2], "b": seeds}) for seeds in ([2, 3, 4], [0, 1, 2]))
    low, high, _ = one.difference("a", "b")
    wide = [np.sqrt(float(weights_G @ SD_G**2)) for weights_G in one.seed_weights.values()]
    assert (high - low) / 2 == pytest.approx(1.96 * np.hypot(*wide), rel=0.4)
    assert high - low > 1.3 * -np.subtract(*three.difference("a", "b")[:2])


def test_a_difference_is_the_same_either_way_round():
    rows = {"a": predict([0.6, 0.7]), "b": predict([0.5, 0.55])}
    low, high, p = score("t", rows).difference("a", "b")
    assert score("t", rows).difference("b", "a") == pytest.approx((-high, -low, p))


def test_a_row_that_nothing_trains_says_nothing_about_the_seeds_of_those_that_train():
    trained = {"a": predict([0.6, 0.605]), "b": predict([0.65, 0.645])}
    rows = {"heads": predict([0.4, 0.55]), **trained}
    alone, apart, pooled = (
        score("t", each, **kind) for each, kind in ((trained, {}), (rows, {"untrained": ["heads"]}), (rows, {}))
    )
    np.testing.assert_allclose(apart.seed_weights["a"], alone.seed_weights["a"])
    widths = [np.subtract(*table.difference("b", "a")[:2]) for table in (apart, pooled)]
    assert abs(widths[0]) < 0.8 * abs(widths[1])
    assert apart.interval("heads")[1] - apart.interval("heads")[0] > 0.2
