"""A trained model as an MLflow model: models-from-code, its weights as safetensors, signature and input example."""

import logging
import shutil
from importlib.metadata import version
from pathlib import Path

import mlflow.pyfunc
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from pipeline.evaluation.intact import check_model
from pipeline.evaluation.saved_model import check_hash
from pipeline.files.atomic import read_json, write_json
from pipeline.files.digest import hash_file, hash_files
from pipeline.serving.served_model import COLUMNS, DIGESTS, MODEL, PACKAGE

PROJECT = Path(__file__).parents[2]
SERVED = "pipeline/serving/served_model.py"
# What the served model imports, taken along with it.
CODE = (
    "model",
    "pipeline/__init__.py",
    "pipeline/data",
    "pipeline/evaluation",
    "pipeline/files",
)
REQUIREMENTS = ("mlflow", "numpy", "pandas", "safetensors", "tokenizers", "torch", "tqdm")
EXAMPLE = pd.DataFrame(
    {
        "sentence1": ["A man is playing a guitar .", "How do I learn to cook ?", "A film of rare warmth ."],
        "sentence2": ["A man plays an instrument .", "What is the best way to learn cooking ?", None],
    },
    dtype=object,  # a column of text would turn null into NaN, which is no JSON
)


def write_model(folder: Path, target: Path, work: Path, root: Path) -> None:
    """Write the trained model in `folder` (below `root`) as an MLflow model to the new folder `target`.

    It holds all that it needs, the encoder and the project's code among it, and is tried on its input example. It is
    put together in the folder `work`. Files that are not the ones that model.json names are a `ValueError`.
    """
    check_model(root / folder, root)
    description = read_json(root / folder / "model.json")
    encoder = description["encoder"]
    for name, sha256 in (("model.safetensors", encoder["sha256"]), ("config.json", encoder["config_sha256"])):
        check_hash(root / encoder["folder"] / name, sha256)
    package, code = work / "package", work / "code"
    shutil.copytree(root / folder, package / MODEL)
    shutil.copytree(root / encoder["folder"], package / encoder["folder"])
    files = sorted(file for file in package.rglob("*") if file.is_file())
    write_json(package / DIGESTS, {file.relative_to(package).as_posix(): hash_file(file) for file in files})
    for file in list_code():
        (code / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / file, code / file)
    for name in ("mlflow.models", "mlflow.pyfunc", "mlflow.utils"):
        logging.getLogger(name).setLevel(logging.ERROR)
    mlflow.pyfunc.save_model(
        target,
        python_model=str(PROJECT / SERVED),
        artifacts={PACKAGE: str(package)},
        code_paths=[str(path) for path in sorted(code.iterdir())],
        signature=make_signature(list(description["tasks"])),
        input_example=EXAMPLE,
        pip_requirements=[f"{name}=={_published_version(name)}" for name in REQUIREMENTS],
    )
    mlflow.pyfunc.load_model(str(target)).predict(EXAMPLE)  # MLflow itself would only warn


def list_code() -> list[Path]:
    """The files of code that a model takes along, relative to the project."""
    places = [PROJECT / name for name in CODE]
    files = [file for place in places for file in ([place] if place.is_file() else place.rglob("*.py"))]
    return sorted(file.relative_to(PROJECT) for file in files)


def hash_code() -> str:
    """The hash of that code and of the served model's own file: it changes when answers could."""
    return hash_files([PROJECT / file for file in (*list_code(), SERVED)], PROJECT)


def make_signature(tasks: list[str]) -> ModelSignature:
    """Two columns of text, the second optional; a number for each task, null for a pair that is none."""
    inputs = [ColSpec("string", COLUMNS[0]), ColSpec("string", COLUMNS[1], required=False)]
    return ModelSignature(Schema(inputs), Schema([ColSpec("double", task, required=False) for task in tasks]))


def _published_version(name: str) -> str:
    """Without the build tag, such as torch's +cpu, which no index has."""
    return version(name).partition("+")[0]
