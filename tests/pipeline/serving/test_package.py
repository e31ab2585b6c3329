"""A packed model needs nothing of the project, holds no pickle, and says what it takes and gives."""

import json
import subprocess
import sys

import mlflow.pyfunc
import pytest
from mlflow.models import Model

from pipeline.evaluation.text_model import TextModel
from pipeline.runs import layout
from pipeline.serving import package
from pipeline.serving.served_model import MODEL, PACKAGE
from tests.test_structure import ROOT, closure, room
from tests.tiny import ENCODER, PROFILE

FOLDER = layout.model(PROFILE, "phase2", "iteration_1", 0)
ALONE = """
import json, sys
import mlflow.pyfunc, pandas
answer = mlflow.pyfunc.load_model(sys.argv[1]).predict(pandas.DataFrame(json.loads(sys.argv[2]), dtype=object))
import model, pipeline
print(json.dumps([answer.to_dict(orient="list"), model.__file__, pipeline.__file__]))
"""


def test_the_code_taken_along_is_what_the_served_model_imports():
    rooms = {room(path) for path in closure(ROOT / package.SERVED)}
    assert rooms | {"pipeline/__init__.py"} == {*package.CODE, "pipeline/serving"}


def test_away_from_the_project_it_gives_the_same_numbers(trained, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    work = tmp_path_factory.mktemp("work")
    package.write_model(FOLDER, elsewhere / "packed", work, trained.root)
    sentences = {"sentence1": ["A man runs .", "", "x"], "sentence2": ["A man is running .", "y", None]}
    # -I: neither the working directory nor PYTHONPATH has the project.
    command = [sys.executable, "-I", "-c", ALONE, str(elsewhere / "packed"), json.dumps(sentences)]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=True)
    answer, *files = json.loads(done.stdout.splitlines()[-1])
    assert all(file.startswith(str(elsewhere)) for file in files)
    model = TextModel(FOLDER)
    pairs = list(zip(sentences["sentence1"][:2], sentences["sentence2"][:2], strict=True))
    for task in ("para", "sts"):
        assert answer[task] == [*model.predict(task, pairs).tolist(), None]
    assert answer["sst"] == model.predict("sst", [(text,) for text in sentences["sentence1"]]).tolist()


@pytest.fixture
def packed(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    package.write_model(FOLDER, folder / "model", folder / "work", trained.root)
    return folder / "model"


def test_its_signature_its_example_and_its_packages(packed):
    signature = Model.load(packed).signature
    assert [(column.name, column.required) for column in signature.inputs] == [
        ("sentence1", True),
        ("sentence2", False),
    ]
    assert [(column.name, column.type.name) for column in signature.outputs] == [
        ("para", "double"), ("sst", "double"), ("sts", "double"),
    ]  # fmt: skip
    json.loads((packed / "serving_input_example.json").read_text(), parse_constant=pytest.fail)  # NaN is no JSON
    requirements = dict(line.split("==") for line in (packed / "requirements.txt").read_text().split())
    assert set(requirements) == set(package.REQUIREMENTS)
    assert not any("+" in number for number in requirements.values()), "a build tag is in no index"


def test_there_is_no_pickle_and_no_bytecode_in_it(packed):
    suffixes = {path.suffix for path in packed.rglob("*") if path.is_file()}
    assert suffixes <= {"", ".json", ".py", ".safetensors", ".txt", ".yaml"}
    assert "loader_module: mlflow.pyfunc.loaders.code_model" in (packed / "MLmodel").read_text()


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json", "vocab.txt"])
def test_a_file_that_changed_is_neither_packed_nor_served(trained, packed, tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("again")
    for path in (trained.root / FOLDER / name, packed / "artifacts" / PACKAGE / MODEL / name):
        content = path.read_bytes()
        path.write_bytes(
            content.replace(b'"pooling": "', b'"pooling": "x') if name == "model.json" else content[:-1] + b" "
        )
    with pytest.raises(ValueError, match=f"{FOLDER / name}: damaged or changed: "):
        package.write_model(FOLDER, folder / "model", folder / "work", trained.root)
    with pytest.raises(ValueError, match=f"{MODEL}/{name}: sha256 is .*, expected "):
        mlflow.pyfunc.load_model(str(packed))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_another_encoder_than_the_model_s_is_refused(trained, tmp_path_factory, name):
    with (trained.root / layout.encoder(PROFILE, ENCODER) / name).open("ab") as file:
        file.write(b" ")
    folder = tmp_path_factory.mktemp("packed")
    with pytest.raises(ValueError, match=f"{name}: sha256 is .*, expected "):
        package.write_model(FOLDER, folder / "model", folder / "work", trained.root)
    assert not (folder / "model").exists()
