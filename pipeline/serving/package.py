"""A trained model as an MLflow model: models-from-code, its weights as safetensors, signature and input example."""

import logging
import shutil
from importlib.metadata import version
from pathlib import Path

import mlflow.pyfunc
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from pipeline.evaluation.saved_model import check_hash
from pipeline.files.atomic import read_json
from pipeline.serving.served_model import COLUMNS, MODEL, PACKAGE

CODE = ("model", "pipeline")  # what the served model imports, taken along
REQUIREMENTS = ("mlflow", "numpy", "pandas", "safetensors", "tokenizers", "torch", "tqdm")
EXAMPLE = pd.DataFrame(
    {
        "sentence1": ["A man is playing a guitar .", "How do I learn to cook ?", "A film of rare warmth ."],
        "sentence2": ["A man plays an instrument .", "What is the best way to learn cooking ?", None],
    }
)


def write_model(folder: Path, target: Path, work: Path, root: Path) -> None:
    """Write the trained model in `folder` (below `root`) as an MLflow model to the new folder `target`.

    It holds all that it needs, the encoder and the project's code among it, and is tried on its input example. `work`
    is an empty folder. Files that are not the ones that model.json names are a `ValueError`.
    """
    description = read_json(root / folder / "model.json")
    encoder = description["encoder"]
    check_hash(root / encoder["folder"] / "model.safetensors", encoder["sha256"])
    shutil.copytree(root / folder, work / MODEL)
    shutil.copytree(root / encoder["folder"], work / encoder["folder"])
    for name in ("mlflow.models", "mlflow.pyfunc", "mlflow.utils"):
        logging.getLogger(name).setLevel(logging.ERROR)
    mlflow.pyfunc.save_model(
        target,
        python_model=str(Path(__file__).parent / "served_model.py"),
        artifacts={PACKAGE: str(work)},
        code_paths=[str(Path(__file__).parents[2] / name) for name in CODE],
        signature=make_signature(list(description["tasks"])),
        input_example=EXAMPLE,
        pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
    )


def make_signature(tasks: list[str]) -> ModelSignature:
    """Two columns of text, the second optional; a number for each task, null for a pair that is none."""
    inputs = [ColSpec("string", COLUMNS[0]), ColSpec("string", COLUMNS[1], required=False)]
    return ModelSignature(Schema(inputs), Schema([ColSpec("double", task, required=False) for task in tasks]))
