"""Tables of a run's predictions for MLflow's pages: who was taken for whom, and the worst errors."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.files.atomic import write_text
from pipeline.statistics.predictions import Predictions, read_predictions
from pipeline.tracking.texts import Texts

NUM_ERRORS, MAX_CLASSES = 100, 50  # as many as someone reads
CONFUSION, ERRORS = "confusion", "worst_errors"  # folders among a run's artifacts

# The tag by which MLflow's pages know a json file as a table (mlflow.MlflowClient.log_table writes the same).
LOGGED_TABLES_TAG = "mlflow.loggedArtifacts"


def table_names(task: str) -> list[str]:
    """The artifact paths of a task's tables."""
    return [f"{folder}/{task}.json" for folder in (CONFUSION, ERRORS)]


def logged_tables_tag(tasks: list[str]) -> str:
    """The value of `LOGGED_TABLES_TAG` for the tables of these tasks."""
    return json.dumps([{"path": name, "type": "table"} for task in tasks for name in table_names(task)])


def task_of(path: Path) -> str:
    """The task of a prediction file, which is named `<task>.csv` or `<task>.csv.gz`."""
    return path.name.removesuffix(".gz").removesuffix(".csv")


def write_tables(path: Path, folder: Path, texts: Texts | None) -> None:
    """Write the tables of a prediction file below `folder`; `texts` None leaves the text out."""
    found, task = read_predictions(path), task_of(path)
    for name, table in zip(table_names(task), (make_confusion(found), make_errors(found, texts)), strict=True):
        write_text(folder / name, json.dumps(table))


def make_confusion(found: Predictions) -> dict[str, Any]:
    """Examples by label (lines) and prediction (columns), as pandas' orient="split"; scores count as whole numbers.

    Of very many classes the commonest.
    """
    labels, guesses = np.rint(found.labels_N).astype(int).tolist(), np.rint(found.predictions_N).astype(int).tolist()
    counts = Counter(zip(labels, guesses, strict=True))
    seen = Counter([*labels, *guesses]).most_common(MAX_CLASSES)
    classes = sorted(name for name, _ in seen)
    lines = [[counts[label, guess] for guess in classes] for label in classes]
    return {
        "columns": ["label", *(f"predicted {guess}" for guess in classes), "examples"],
        "data": [[label, *line, sum(line)] for label, line in zip(classes, lines, strict=True)],
    }


def make_errors(found: Predictions, texts: Texts | None) -> dict[str, Any]:
    """The examples whose prediction is furthest from the label, the worst first; none that is right."""
    errors_N = found.predictions_N - found.labels_N
    worst = np.argsort(-abs(errors_N), kind="stable")[:NUM_ERRORS]
    chosen = worst[errors_N[worst] != 0].tolist()
    columns = {
        "id": [found.ids[place] for place in chosen],
        "label": found.labels_N[chosen].tolist(),
        "prediction": found.predictions_N[chosen].tolist(),
        "error": [float(f"{error:.7g}") for error in errors_N[chosen]],
    }
    if text := texts.find(found.ids) if texts else {}:
        columns["text"] = [text[name] for name in columns["id"]]
    return {"columns": list(columns), "data": [list(row) for row in zip(*columns.values(), strict=True)]}
