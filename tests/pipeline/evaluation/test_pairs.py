"""A model whose heads read pairs otherwise: whoever asks it reads them as they were read in training."""

import csv

import pytest
import torch

from pipeline.data.token_files import read_tokens
from pipeline.evaluation.evaluate import evaluate
from pipeline.evaluation.saved_model import load_model
from pipeline.evaluation.text_model import TextModel
from pipeline.runs import layout
from pipeline.training.begin import train
from stages import predict
from tests.pipeline.evaluation.conftest import read_rows
from tests.tiny import PROFILE, call_stage

HEADS = {
    "joined": {"para": "joined_classify", "sts": "joined_regression"},
    "shared": {"para": "shared_pair_classify", "sts": "shared_pair_regression"},
    "both": {"para": "joined_classify", "sts": "shared_pair_regression"},
}


@pytest.fixture(params=HEADS)
def run(request, tiny):
    schedule = [{"tasks": ["sst", "para", "sts"], "epochs": 2}]
    pooling = {"joined": "first_last", "shared": "attention", "both": "pooler"}[request.param]
    run = tiny.add_row(schedule, heads=HEADS[request.param], train={"pooling": pooling})
    train(run)
    return run


def by_hand(model, task, tokens):
    """One example after the other, joined here."""
    predictions = []
    for place in range(tokens.num_examples):
        first, second = tokens.sentences([place])
        batch = model.pack(task, [first, second])
        if "joined" in type(model.heads[task]).__module__:
            assert batch.ids_T.tolist() == [*first, *second[1:]]
            assert batch.types_T.tolist() == [0] * len(first) + [1] * (len(second) - 1)
        else:
            assert batch.ids_T.tolist() == [*first, *second] and batch.types_T is None
        with torch.no_grad():
            predictions.append(model.heads[task].predict(model(task, batch)).item())
    return predictions


def test_evaluation_the_command_line_and_text_give_the_same_predictions(tiny, run):
    evaluate(run)
    model, text_model = load_model(tiny.model(run))[0].eval(), TextModel(tiny.model(run))
    for task in ("para", "sts"):
        expected = [float(row["prediction"]) for row in read_rows(layout.predictions(*run.place) / f"{task}.csv")]
        assert task == "para" or len(set(expected)) > 5
        tokens = read_tokens(tiny.root / run.spec["tasks"][task]["tokens"]["dev"])
        assert by_hand(model, task, tokens) == pytest.approx(expected, abs=1e-5)
        dev = layout.corpus(PROFILE) / tiny.params.tasks[task].files.dev
        out = tiny.root / "out.csv"
        call_stage(predict, "--weights", tiny.model(run), "--task", task, "--input", dev, "--output", out)
        assert [float(row["prediction"]) for row in read_rows(out)] == pytest.approx(expected, abs=1e-5)
        with dev.open(newline="", encoding="utf-8") as file:
            pairs = [(row["sentence1"], row["sentence2"]) for row in csv.DictReader(file, delimiter="\t")]
        assert text_model.predict(task, pairs).tolist() == pytest.approx(expected, abs=1e-5)
        swapped = text_model.predict(task, [pair[::-1] for pair in pairs]).tolist()
        assert task == "para" or swapped != pytest.approx(expected, abs=1e-5), "the order of the sentences counts"


def test_a_pair_that_is_longer_than_the_encoder_takes_is_predicted(tiny, run):
    long, text_model = "film " * 100, TextModel(tiny.model(run))
    for pair in ((long, "A film ."), ("A film .", long), (long, long), ("", "")):
        assert torch.tensor(text_model.predict("sts", [pair])).isfinite().all()
