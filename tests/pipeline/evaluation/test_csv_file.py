"""Predictions for a csv by the command line: evaluate's own, and one for each row whatever is in it."""

import os
import subprocess
import sys

import pytest

from pipeline.data.tokenizing import Tokenizer
from pipeline.evaluation.evaluate import evaluate
from pipeline.evaluation.text_model import TextModel
from pipeline.runs import layout
from pipeline.training.begin import train
from stages import predict
from tests.pipeline.evaluation.conftest import read_rows
from tests.tiny import PROFILE, REPOSITORY, TinyProject, call_stage

COURSE_FILES = {"sst": ("ids-sst", 2210), "cfimdb": ("ids-cfimdb", 488), "sts": ("sts", 1725)}


def run_predict(weights, task, source, destination):
    call_stage(predict, "--weights", weights, "--task", task, "--input", source, "--output", destination)
    return read_rows(destination)


@pytest.mark.parametrize("task", ["sst", "para", "sts"])
def test_they_are_evaluates_on_the_dev_set(tiny, model, task):
    evaluate(model)
    dev = layout.corpus(PROFILE) / tiny.params.tasks[task].files.dev
    rows = run_predict(tiny.model(model), task, dev, tiny.root / "out.csv")
    expected = read_rows(layout.predictions(*model.place) / f"{task}.csv")
    assert [row["id"] for row in rows] == [row["id"] for row in expected]
    found = [float(row["prediction"]) for row in rows]
    assert found == pytest.approx([float(row["prediction"]) for row in expected], abs=1e-5)
    assert list(rows[0])[:2] == ["id", "prediction"]
    classes = [name for name in rows[0] if name.startswith("probability_")]
    assert len(classes) == len(rows[0]) - 2 == (tiny.params.tasks[task].num_classes or 0)
    for row in rows if classes else []:
        probabilities = [float(row[name]) for name in classes]
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)
        assert probabilities.index(max(probabilities)) == int(row["prediction"])


def test_every_row_has_one_in_order_whatever_its_sentence(tiny, model):
    lines = [
        "id\tsentence2\tsentence1",
        "c\tNA\tA man runs .",
        "a\t\t",
        "b\tnull\tNaN",
        'a\t"a ""b""\n\tc"\tx',
        "d\t \té",
    ]
    (tiny.root / "in.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = run_predict(tiny.model(model), "sts", tiny.root / "in.csv", tiny.root / "out.csv")
    assert [row["id"] for row in rows] == ["c", "a", "b", "a", "d"]
    assert all(-5 <= float(row["prediction"]) <= 5 for row in rows)


def test_rows_without_an_id_are_numbered(tiny, model):
    (tiny.root / "in.csv").write_text("sentence\tof\ngood\ta\nbad\tb\n")
    rows = run_predict(tiny.model(model), "sst", tiny.root / "in.csv", tiny.root / "out.csv")
    assert [row["id"] for row in rows] == ["1", "2"]


def test_a_text_on_the_command_line_has_the_prediction_of_a_file(tiny, model, capsys):
    weights = tiny.model(model)
    (tiny.root / "in.csv").write_text("sentence1\tsentence2\nA man runs .\tA man walks .\n")
    for task in ("para", "sts"):
        (row,) = run_predict(weights, task, tiny.root / "in.csv", tiny.root / "out.csv")
        call_stage(predict, "--weights", weights, "--task", task, "--text", "A man runs .", "A man walks .")
        said = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
        assert float(said["prediction"]) == pytest.approx(float(row["prediction"]), rel=1e-3)
        assert len(said) == len(row) - 1
        if task == "para":
            assert float(said["probability of 1"]) == pytest.approx(float(row["probability_1"]), abs=1e-4)
    with pytest.raises(ValueError, match="task 'sst' is about 1 text"):
        call_stage(predict, "--weights", weights, "--task", "sst", "--text", "one", "two")


def test_probabilities_leave_the_predictions_that_the_server_and_submissions_have(tiny, model):
    text_model = TextModel(tiny.model(model))
    pair = ("A man runs .", "A dog sleeps .")
    for task, sentences in text_model.sentences.items():
        examples = [pair[: len(sentences)], pair[::-1][: len(sentences)], ("", "x")[: len(sentences)]]
        predictions, _ = text_model.predict_probabilities(task, examples)
        assert predictions.tolist() == text_model.predict(task, examples).tolist()


def test_the_text_is_cleaned_as_in_training(tiny, model, monkeypatch):
    # WordPiece undoes most of what cleaning does, so what it is asked for is looked at.
    asked = []
    tokenize = Tokenizer.tokenize
    monkeypatch.setattr(Tokenizer, "tokenize", lambda self, *given: (asked.append(given[1]), tokenize(self, *given))[1])
    for task in ("sst", "sts"):
        dev = layout.corpus(PROFILE) / tiny.params.tasks[task].files.dev
        run_predict(tiny.model(model), task, dev, tiny.root / "out.csv")
    assert asked == ["sentence", "pair"]


def test_a_longer_sentence_than_in_training_is_cut(tiny, model):
    (tiny.root / "in.csv").write_text("id\tsentence\na\t" + "good " * 500 + "\n")
    assert len(run_predict(tiny.model(model), "sst", tiny.root / "in.csv", tiny.root / "out.csv")) == 1


@pytest.mark.parametrize(
    ("task", "text", "said"),
    [
        ("cfimdb", "id\tsentence\na\tb\n", "no task 'cfimdb'; allowed: para, sst, sts"),
        ("para", "id\tsentence1\na\tb\n", "no column 'sentence2'"),
        ("sst", "id\tsentence\n", "there are no examples"),
        ("sst", None, "in.csv: no such file"),
    ],
)
def test_what_cannot_be_predicted_is_an_error_and_no_file(tiny, model, task, text, said):
    if text is not None:
        (tiny.root / "in.csv").write_text(text)
    with pytest.raises(ValueError, match=said):
        run_predict(tiny.model(model), task, tiny.root / "in.csv", tiny.root / "out.csv")
    assert not (tiny.root / "out.csv").exists()


def test_the_command_ends_with_an_error_code(tiny, model):
    (tiny.root / "in.csv").write_text("id\tsentence\na\tb\n")
    command = [sys.executable, "-m", "stages.predict", "--weights", str(tiny.model(model)), "--task", "mrpc"]
    done = subprocess.run(
        [*command, "--input", "in.csv", "--output", "out.csv"],
        cwd=tiny.root,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "no task 'mrpc'; allowed: para, sst, sts" in done.stderr
    assert "Traceback" not in done.stderr and not (tiny.root / "out.csv").exists()


@pytest.mark.parametrize("task", COURSE_FILES)
def test_the_courses_unlabelled_files_have_a_prediction_for_every_row(tiny: TinyProject, mirror, task):
    prefix, num_rows = COURSE_FILES[task]
    source = mirror / f"{prefix}-test-student.csv"
    if not source.is_file():
        pytest.skip(f"{source} is not there")
    tiny.change(iterations__new={"schedule": [{"tasks": [task], "epochs": 1, "encoder": "frozen"}]})
    tiny.plan()
    run = tiny.start("new")
    train(run)
    rows = run_predict(tiny.model(run), task, source, tiny.root / "out.csv")
    assert len(rows) == num_rows
    assert [row["id"] for row in rows] == [row["id"] for row in read_rows(source, "\t")]
