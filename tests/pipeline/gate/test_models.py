"""Two models of the same dev sets: what the gate with its seeds could not see with one of them, this does."""

import re

import numpy as np
import pytest

from pipeline.config.params import load_params
from pipeline.gate.comparison import compare
from pipeline.gate.models import compare_models
from tests.pipeline.gate.conftest import LABELS, compress, predict, write_predictions
from tests.tiny import REPOSITORY

PARAMS = load_params(REPOSITORY / "params.yaml")
NAMES = ("before", "after")
SCORES = {"sst": 0.5, "para": 0.8, "sts": 0.75}


def write_model(folder, seed: int, **scores: float):
    for task, score in (SCORES | scores).items():
        write_predictions(folder, task, predict(task, score, seed))
    return folder


def verdicts(comparison) -> dict[str, str]:
    return {verdict.task: verdict.verdict for verdict in comparison.verdicts}


def test_the_same_model_is_equivalent_to_itself_whatever_its_files(tmp_path):
    before, after = (write_model(tmp_path / name, 0) for name in NAMES)
    compress(after / "sst.csv")
    comparison = compare_models(before, after, PARAMS, NAMES)
    assert verdicts(comparison) == dict.fromkeys(SCORES, "equivalent")
    assert (comparison.baseline, comparison.current, comparison.num_changed) == (*NAMES, 0)


def test_another_seed_passes_and_a_worse_model_is_named_which_one_seed_of_a_row_could_not(tmp_path):
    before = write_model(tmp_path / "before/phase2/row-0", 0)
    for seed in range(1, 6):
        equal = write_model(tmp_path / f"equal-{seed}", seed)
        assert not compare_models(before, equal, PARAMS, NAMES).is_regressed
    worse = write_model(tmp_path / "worse/phase2/row-0", 1, sts=0.72)
    comparison = compare_models(before, worse, PARAMS, NAMES)
    assert comparison.is_regressed and verdicts(comparison)["sts"] == "regressed"
    gate = PARAMS.gate.model_copy(update={"seed_sd": PARAMS.gate.seed_sd | {"sts": 0.0137}})
    params = PARAMS.model_copy(update={"gate": gate})
    assert not compare(tmp_path / "before", tmp_path / "worse", params).is_regressed, "a seed may do that to a row"


def test_its_verdict_is_that_of_mcnemar_s_test(tmp_path):
    """With one model a side, the variance of the difference is that of McNemar's test, up to its centring."""
    from scipy.stats import norm

    before, after = LABELS["sst"].copy(), LABELS["sst"].copy()
    before[:10] = (before[:10] + 1) % 5  # wrong before alone
    after[10:40] = (after[10:40] + 1) % 5  # wrong after alone
    for name, predictions in (("before", before), ("after", after)):
        write_predictions(tmp_path / name, "sst", predictions)
    (verdict,) = compare_models(tmp_path / "before", tmp_path / "after", PARAMS, NAMES).verdicts
    assert verdict.difference == pytest.approx(-20 / 400)
    only_before, only_after, total = 30, 10, 400
    variance = (only_before + only_after) / total**2 - (only_before - only_after) ** 2 / total**3
    assert verdict.p_drop == pytest.approx(norm.cdf(-20 / 400 / np.sqrt(variance)), rel=0.02)
    assert verdict.verdict == "regressed"


def test_a_task_that_the_later_model_lacks_is_refused_and_one_that_it_adds_is_named(tmp_path):
    before, after = (write_model(tmp_path / name, 0) for name in NAMES)
    (before / "para.csv").unlink()
    assert compare_models(before, after, PARAMS, NAMES).extra == ["phase2/model/para"]
    with pytest.raises(ValueError, match="not in the current predictions: phase2/model/para"):
        compare_models(after, before, PARAMS, NAMES)


def test_a_folder_without_predictions_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=re.escape(f"{tmp_path / 'empty'}: no prediction files")):
        compare_models(tmp_path / "empty", write_model(tmp_path / "after", 0), PARAMS, NAMES)
