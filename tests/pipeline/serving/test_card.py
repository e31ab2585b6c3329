"""A card says what its record and predictions say, whatever else changed."""

import numpy as np
import pytest

from pipeline.evaluation.metrics import METRICS
from pipeline.runs import layout
from pipeline.runs.index import read_index
from pipeline.serving.card import write_card
from pipeline.statistics.predictions import read_predictions
from tests.tiny import PROFILE


@pytest.fixture
def index(trained):
    return read_index(trained.root, PROFILE)


def find(index, row="iteration_1", seed=0):
    return next(run for run in index.runs if run.slot == ("phase2", row, seed))


def test_its_scores_and_intervals_are_those_of_the_predictions(trained, index):
    card = write_card(index, find(index))
    found = read_predictions(trained.root / layout.predictions(PROFILE, "phase2", "iteration_1", 0) / "sst.csv")
    score = METRICS["accuracy"].score(found.labels_N, found.predictions_N)
    (line,) = [line for line in card.splitlines() if line.startswith("- sst.accuracy")]
    assert line.startswith(f"- sst.accuracy {score:.3f} (")
    low, high = (float(word.strip("(),")) for word in line.split("(")[1].split(",")[0].split(" to "))
    # A second opinion on the interval: the standard error of a share.
    error = np.sqrt(score * (1 - score) / len(found.labels_N))
    assert low == pytest.approx(score - 1.96 * error, abs=0.6 * error + 0.01)
    assert high == pytest.approx(score + 1.96 * error, abs=0.6 * error + 0.01)
    assert any(line.startswith("- overall") and " to " in line for line in card.splitlines())


def test_it_says_what_the_model_was_trained_on_and_what_it_is_not_for(index):
    run, card = find(index), write_card(index, find(index))
    for data in run.training["datasets"]:
        if data["context"] == "train":
            assert f"- {data['name']}: {data['num_examples']:,} examples" in card
    assert "- leg 1: sst,para,sts" in card and "**Not for**" in card
    assert all(caveat in card for caveat in index.plan["caveats"])


def test_without_predictions_there_are_scores_and_no_intervals(trained, index):
    folder = trained.root / layout.predictions(PROFILE, "phase2", "iteration_1", 0)
    folder.rename(folder.with_name("away"))
    card = write_card(index, find(index))
    assert "- sst.accuracy" in card and "95%" not in card
