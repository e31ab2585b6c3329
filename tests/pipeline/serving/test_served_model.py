"""What the served model says to rows of text, and of what is none."""

import csv
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from pipeline.evaluation.evaluate import evaluate
from pipeline.files.atomic import write_json
from pipeline.runs import layout
from pipeline.serving import served_model
from pipeline.serving.served_model import ServedModel
from pipeline.training.begin import train
from tests.tiny import PROFILE


class Echo:
    """In the place of the trained model: the lengths of an example's sentences, summed, plus a half for pairs."""

    sentences = {"one": ["sentence"], "two": ["sentence1", "sentence2"]}  # noqa: RUF012

    def __init__(self, folder: Path, root: Path) -> None:
        assert folder.is_relative_to(root)

    def predict(self, task: str, examples: list[tuple[str, ...]]) -> np.ndarray:
        assert all(len(example) == len(self.sentences[task]) for example in examples)
        return np.float32([sum(map(len, example)) + (len(example) - 1) / 2 for example in examples])


@pytest.fixture
def served(monkeypatch, tmp_path):
    monkeypatch.setattr(served_model, "TextModel", Echo)
    write_json(tmp_path / served_model.DIGESTS, {})
    model = ServedModel()
    model.load_context(SimpleNamespace(artifacts={served_model.PACKAGE: tmp_path}))
    return lambda **columns: model.predict(None, pd.DataFrame(columns)).to_dict(orient="list")


def test_a_pair_has_all_tasks_and_a_sentence_alone_those_of_one(served):
    answer = served(sentence1=["a", "bb", "", "c"], sentence2=["xyz", None, "", float("nan")])
    assert answer == {"one": [1, 2, 0, 1], "two": [4.5, None, 0.5, None]}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"sentence1": ["a", None]}, "sentence1 in row 1 is missing; allowed: text"),
        ({"sentence2": ["a"]}, "sentence1 in row 0 is missing; allowed: text"),
        ({"sentence1": ["a", 5]}, "sentence1 in row 1 is 5; allowed: text"),
        ({"sentence1": ["a"], "sentence2": [["b"]]}, r"sentence2 in row 0 is \['b'\]; allowed: text"),
    ],
)
def test_what_is_no_text_is_named_by_row_and_column(served, columns, said):
    with pytest.raises(MlflowException, match=said) as error:
        served(**columns)
    assert error.value.get_http_status_code() == 400


def read_rows(path, delimiter=","):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def test_pairs_are_read_as_in_training_and_evaluation(tiny, tmp_path):
    heads = {"para": "joined_classify", "sts": "shared_pair_regression"}
    run = tiny.add_row([{"tasks": ["para", "sts"], "epochs": 1}], heads=heads)
    train(run)
    evaluate(run)
    package = tmp_path / "package"
    shutil.copytree(tiny.model(run), package / served_model.MODEL)
    shutil.copytree(run.spec["encoder"]["folder"], package / run.spec["encoder"]["folder"])
    write_json(package / served_model.DIGESTS, {})
    model = ServedModel()
    model.load_context(SimpleNamespace(artifacts={served_model.PACKAGE: package}))
    for task in heads:
        dev = read_rows(layout.corpus(PROFILE) / tiny.params.tasks[task].files.dev, "\t")
        frame = pd.DataFrame({name: [row[name] for row in dev] for name in served_model.COLUMNS})
        expected = read_rows(layout.predictions(*run.place) / f"{task}.csv")
        found = model.predict(None, frame)[task].tolist()
        assert found == pytest.approx([float(row["prediction"]) for row in expected], abs=1e-5)
