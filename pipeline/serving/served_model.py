"""The model that MLflow serves, from this file and a folder of safetensors: text in, every task's prediction out."""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext

from pipeline.evaluation.saved_model import check_hash
from pipeline.evaluation.text_model import TextModel
from pipeline.files.atomic import read_json

PACKAGE = "package"  # the artifact: what pipeline/serving/package.py lays out
MODEL = "model"  # in it: what a training stage left; beside it the encoder, under the path that model.json says
DIGESTS = "digests.json"  # in it too: the hash of every other file
COLUMNS = ("sentence1", "sentence2")


class ServedModel(PythonModel):
    """Rows of `sentence1` and, where there is one, `sentence2`, to a number for each task.

    A task of single sentences is about `sentence1`; one of pairs is null where there is no second sentence. An empty
    sentence is a sentence.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Load the packed model, on the device that BERTY_DEVICE says; a file that changed is a `ValueError`."""
        package = Path(context.artifacts[PACKAGE])
        for name, sha256 in read_json(package / DIGESTS).items():
            check_hash(package / name, sha256)
        self._model = TextModel(package / MODEL, package)

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Predict every row, a column per task; what is no text is an error that names its row and column."""
        first, second = (_read_column(model_input, name) for name in COLUMNS)
        if None in first:
            raise _refuse(COLUMNS[0], first.index(None), None)
        pairs = [place for place, sentence in enumerate(second) if sentence is not None]
        output = {}
        for task, names in self._model.sentences.items():
            places = range(len(first)) if len(names) == 1 else pairs
            examples = [(first[place], second[place])[: len(names)] for place in places]
            column: list[float | None] = [None] * len(first)
            for place, value in zip(places, self._model.predict(task, examples).tolist(), strict=True):
                column[place] = value
            output[task] = column
        return pd.DataFrame(output, dtype=object)  # of a column of numbers null would become NaN, which is no JSON


def _read_column(frame: pd.DataFrame, name: str) -> list[str | None]:
    """The sentences of a column, None where there is none."""
    if name not in frame:
        return [None] * len(frame)
    values = [None if pd.api.types.is_scalar(value) and pd.isna(value) else value for value in frame[name]]
    for row, value in enumerate(values):
        if not isinstance(value, str | None):
            raise _refuse(name, row, value)
    return values


def _refuse(name: str, row: int, value: Any) -> MlflowException:
    said = "is missing" if value is None else f"is {value!r}"
    return MlflowException(f"{name} in row {row} {said}; allowed: text", INVALID_PARAMETER_VALUE)


set_model(ServedModel())
