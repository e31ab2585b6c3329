"""The measured seed noise: what it finds in runs whose noise is known, and that params.yaml has what was measured."""

import json

import numpy as np
import pytest

from pipeline.config.params import load_params
from pipeline.evaluation.prediction_files import render_predictions
from pipeline.files.atomic import write_json, write_text
from pipeline.gate.comparison import expectations
from studies.retrains import TASKS, draw_seeds, predict, share_difficulty
from studies.seed_noise import MEASURED, measure_profile
from tests.tiny import REPOSITORY


@pytest.fixture
def project(tmp_path):
    """Eight rows of three seeds that move sst by .02, others that do not count."""
    rng, task = np.random.default_rng(0), TASKS["sst"]
    labels_N, shared_N = share_difficulty(rng, task)
    rows = {f"row_{number}": 3 for number in range(8)} | {"collapsed": 3, "single": 1, "gone": 3, "untrained": 3}
    for row, num_seeds in rows.items():
        seeds = draw_seeds(rng, task, num_seeds)
        predictions_SN = predict(task, labels_N, shared_N, task.score + 0.02 * seeds.quality_S, seeds.own_SN)
        if row == "collapsed":
            predictions_SN = np.zeros_like(predictions_SN)
        for seed, predictions_N in enumerate(predictions_SN):
            text = render_predictions([str(place) for place in range(len(labels_N))], predictions_N, labels_N)
            write_text(tmp_path / f"results/demo/predictions/phase2/{row}-{seed}/sst.csv", text)
    planned = [
        {"row": row, "seeds": list(range(num_seeds))} | ({} if row == "untrained" else {"keep": "best"})
        for row, num_seeds in rows.items()
        if row != "gone"
    ]
    index = {"encoder": "minilm", "seeds": [0, 1, 2], "part1": [], "phase1": [], "phase2": planned}
    write_json(tmp_path / "artifacts/demo/plan/index.json", index)
    return tmp_path


def test_known_noise_is_found_without_the_flips(project):
    measured = measure_profile("demo", {"sst": "accuracy"}, project)
    found = measured["tasks"]["sst"]
    assert found["sd"] == pytest.approx(0.02, rel=0.35)
    assert found["sd"] < found["raw_sd"]
    assert (found["rows"], found["degrees"]) == (8, 16)
    assert (measured["encoder"], measured["seeds"]) == ("minilm", [0, 1, 2])
    assert {"single", "gone", "untrained"}.isdisjoint(measured["rows"])


def test_one_seed_measures_nothing(project):
    for path in (project / "results/demo/predictions/phase2").glob("*-[12]"):
        path.rename(project / path.name)
    with pytest.raises(ValueError, match="results/demo/predictions: no row has predictions of two seeds"):
        measure_profile("demo", {"sst": "accuracy"}, project)


def test_params_have_what_was_measured():
    if not (REPOSITORY / MEASURED).is_file():
        pytest.skip(f"{MEASURED}: not measured yet: no profile of the course has results of two seeds")
    measured, params = json.loads((REPOSITORY / MEASURED).read_text()), load_params(REPOSITORY / "params.yaml")
    _, expected = expectations(params.gate, measured["tasks"], params.profiles[measured["profile"]])
    for task, found in measured["tasks"].items():
        assert f"{expected[task]:.2g}" == f"{found['sd']:.2g}", task
