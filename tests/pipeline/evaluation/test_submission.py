"""The course's prediction files: their names, their lines to the letter, and all of them or none."""

import csv
import hashlib
import shutil

import pytest

from pipeline.data.fetch import FetchError
from pipeline.evaluation.evaluate import evaluate
from pipeline.runs import layout
from pipeline.training.begin import train
from stages import submit
from tests.pipeline.evaluation.conftest import read_rows
from tests.tiny import PROFILE, TinyProject, call_stage

TABLE2 = {"sst", "para", "sts"}
PART1 = [f"{task}_{mode}" for task in ("sst", "cfimdb") for mode in ("pretrain", "finetune")]


@pytest.fixture(scope="module")
def template(trained_template, tmp_path_factory):
    """A row of table 2 and all of part 1; copied, never changed."""
    project = TinyProject(tmp_path_factory.mktemp("part1") / "project")
    shutil.copytree(trained_template, project.root, symlinks=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        for row in PART1:
            train(project.run("part1", row))
    return project.root


@pytest.fixture
def trained(tiny, template):
    shutil.copytree(template / "artifacts", tiny.root / "artifacts", dirs_exist_ok=True)
    return tiny


def submit_to(folder, *arguments):
    call_stage(submit, "--profile", PROFILE, "--row", "iteration_1", "--seed", 0, "--output", folder, *arguments)


def read_lines(path):
    """The header, and the two fields of each line, as the course writes them: `id , prediction `."""
    header, *lines = path.read_text(encoding="utf-8").split("\n")
    assert lines.pop() == "", "a line feed ends the file"
    assert all(line.endswith(" ") and line.count(" , ") == 1 for line in lines)
    return header, [tuple(line[:-1].split(" , ")) for line in lines]


def test_the_files_are_those_of_the_course_with_evaluate_s_predictions(trained, model, tmp_path, capsys):
    submit_to(tmp_path / "out")
    splits = ("dev", "test")
    names = {f"{task}-{split}-output.csv" for task in TABLE2 for split in splits}
    names |= {f"{mode}-{task}-{split}-out.csv" for mode in ("pretrain", "finetune") for task in ("sst", "cfimdb")
              for split in splits}  # fmt: skip
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    assert sorted(capsys.readouterr().out.split()) == sorted(str(tmp_path / "out" / name) for name in names)
    headers = {
        "sst": "id \t Predicted_Sentiment ",
        "para": "id \t Predicted_Is_Paraphrase ",
        "sts": "id \t Predicted_Similiary ",
    }
    evaluate(model)
    for task in TABLE2:
        header, lines = read_lines(tmp_path / "out" / f"{task}-dev-output.csv")
        assert header == headers[task]
        expected = read_rows(layout.predictions(*model.place) / f"{task}.csv")
        assert [name for name, _ in lines] == [row["id"] for row in expected]
        assert [float(value) for _, value in lines] == pytest.approx(
            [float(row["prediction"]) for row in expected], abs=1e-5
        )
        values = [value for _, value in lines]
        assert all(value.isdigit() if task == "sst" else "." in value for value in values), (
            "classes whole, all else not"
        )
        test = read_rows(layout.corpus(PROFILE) / trained.params.tasks[task].files.test, "\t")
        _, lines = read_lines(tmp_path / "out" / f"{task}-test-output.csv")
        assert [name for name, _ in lines] == [row["id"] for row in test]
    header, _ = read_lines(tmp_path / "out/finetune-cfimdb-dev-out.csv")
    assert header == "id \t Predicted_Sentiment "


def test_one_split_alone(trained, tmp_path):
    submit_to(tmp_path / "out", "--splits", "dev")
    assert len(list((tmp_path / "out").iterdir())) == 7
    assert all("-dev-" in path.name for path in (tmp_path / "out").iterdir())


def test_a_test_file_that_is_not_in_the_corpus_is_fetched_and_checked(trained, tmp_path, monkeypatch):
    """Of the course's data the corpus has train and dev; here its unlabelled files are moved to the mirror."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    name = trained.params.tasks["sst"].files.test
    corpus = trained.root / layout.corpus(PROFILE)
    content = (corpus / name).read_bytes()
    (corpus / name).unlink()
    monkeypatch.setenv("BERTY_MIRROR", str(mirror))
    (mirror / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}: no such file"):
        submit_to(tmp_path / "out")  # of a corpus that the project writes the course has no part
    trained.change(profiles__tiny__data__corpus="course")
    with pytest.raises(FetchError, match=name):
        submit_to(tmp_path / "out")
    assert not (tmp_path / "out").exists(), "the pin of the course's file is another"
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    trained.change(**{f"assets__{name}": {"git_blob": blob, "sources": []}})
    submit_to(tmp_path / "out")
    with (mirror / name).open(newline="") as file:
        ids = [row["id"] for row in csv.DictReader(file, delimiter="\t")]
    assert [name for name, _ in read_lines(tmp_path / "out/sst-test-output.csv")[1]] == ids


def test_a_model_that_is_missing_leaves_nothing_written(trained, tmp_path):
    for path in (trained.root / layout.model(PROFILE, "part1", PART1[-1], 0)).iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="cfimdb_finetune-0/model.json: no such file"):
        submit_to(tmp_path / "out")
    assert not (tmp_path / "out").exists()
