"""The evaluation of a run: the whole dev set, scores, predictions and record."""

import csv

import numpy as np
import pytest

from pipeline.data.token_files import read_tokens
from pipeline.evaluation.evaluate import evaluate
from pipeline.evaluation.metrics import METRICS
from pipeline.files.atomic import read_json, write_json, write_text
from pipeline.files.digest import hash_folder
from pipeline.runs import layout
from pipeline.runs.record import read_record
from tests.tiny import ENCODER, PROFILE


@pytest.fixture
def run(model):
    return model


def read_predictions(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_scores_are_those_of_the_prediction_files_on_the_whole_dev_set(tiny, run):
    scores = evaluate(run)
    folder = layout.predictions(*run.place)
    assert folder.as_posix() == "artifacts/tiny/predictions/phase2/iteration_1-0"
    for task, metric in (("sst", "accuracy"), ("para", "accuracy"), ("sts", "pearson")):
        rows = read_predictions(folder / f"{task}.csv")
        dev = read_tokens(layout.tokens(PROFILE, ENCODER) / task / "dev")
        assert [row["id"] for row in rows] == dev.ids and len(rows) == 20
        labels, predictions = (np.array([float(row[key]) for row in rows]) for key in ("label", "prediction"))
        np.testing.assert_allclose(labels, dev.labels, rtol=1e-6)
        assert scores[f"{task}.{metric}"] == pytest.approx(METRICS[metric].score(labels, predictions), abs=1e-6)
    assert scores["overall"] == (scores["sst.accuracy"] + scores["para.accuracy"] + scores["sts.pearson"]) / 3


def test_the_record_has_the_scores_and_names_the_files(tiny, run):
    scores = evaluate(run)
    record = read_record(layout.evaluation_record(*run.place) / "record.json")
    assert (record["kind"], record["row"], record["run_key"]) == ("evaluation", "iteration_1", run.key)
    assert {name: [(step, value) for step, _, value in points] for name, points in record["metrics"].items()} == {
        name: [(0, value)] for name, value in scores.items()
    }
    assert set(scores) == {
        "sst.accuracy", "sst.majority_accuracy", "sst.commonest_share", "sst.collapsed",
        "para.accuracy", "para.majority_accuracy", "para.commonest_share", "para.collapsed",
        "sts.pearson", "sts.mse", "sts.mean_score_mse", "sts.spread", "sts.collapsed", "overall",
    }  # fmt: skip
    assert record["artifacts"] == [(layout.predictions(*run.place) / f"{t}.csv").as_posix() for t in run.spec["tasks"]]
    assert not layout.work(run.key).exists()


def test_it_can_be_done_again_and_leaves_a_checkpoint_alone(tiny, run):
    first = evaluate(run)
    before = hash_folder(layout.predictions(*run.place))
    checkpoint = layout.work(run.key) / "checkpoint.safetensors"
    write_text(checkpoint, "of a training that was killed")
    assert evaluate(run) == first
    assert hash_folder(layout.predictions(*run.place)) == before
    assert [path.name for path in layout.work(run.key).iterdir()] == [checkpoint.name]


def test_the_model_of_another_run_is_refused(tiny, run):
    path = layout.model(*run.place) / "model.json"
    write_json(path, read_json(path) | {"run_key": "0" * 64})
    with pytest.raises(ValueError, match=f"phase2/iteration_1-0: trained by run {'0' * 64}, this is {run.key}"):
        evaluate(run)
    assert not layout.predictions(*run.place).exists()
