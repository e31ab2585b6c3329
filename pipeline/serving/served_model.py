"""The model that MLflow serves, from this file and a folder of safetensors: text in, every task's prediction out."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext

from pipeline.prediction.text_model import TextModel

PACKAGE = "package"  # the artifact: what pipeline/serving/package.py lays out
MODEL = "model"  # in it: what a training stage left; beside it the encoder, under the path that model.json says
COLUMNS = ("sentence1", "sentence2")


class ServedModel(PythonModel):
    """Rows of `sentence1` and, where there is one, `sentence2`, to a number for each task.

    A task of single sentences is about `sentence1`; one of pairs is null where there is no second sentence. An empty
    sentence is a sentence.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Load the packed model, on the device that BERTY_DEVICE says."""
        package = Path(context.artifacts[PACKAGE])
        self._model = TextModel(package / MODEL, package)

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Predict every row, a column per task; a missing `sentence1` is an error that names its row."""
        first, second = (self._read_column(model_input, name) for name in COLUMNS)
        missing = [place for place, sentence in enumerate(first) if sentence is None]
        if missing:
            raise MlflowException(f"sentence1 is missing in row {missing[0]}", INVALID_PARAMETER_VALUE)
        pairs = [place for place, sentence in enumerate(second) if sentence is not None]
        output = {}
        for task, names in self._model.sentences.items():
            if len(names) == 1:
                output[task] = self._model.predict(task, [(sentence,) for sentence in first]).astype(float)
            else:
                output[task] = np.full(len(first), np.nan)
                output[task][pairs] = self._model.predict(task, [(first[place], second[place]) for place in pairs])
        return pd.DataFrame(output)

    @staticmethod
    def _read_column(frame: pd.DataFrame, name: str) -> list[str | None]:
        if name not in frame:
            return [None] * len(frame)
        return [sentence if isinstance(sentence, str) else None for sentence in frame[name]]


set_model(ServedModel())
