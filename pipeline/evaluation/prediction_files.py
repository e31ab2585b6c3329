"""Prediction files: one row per example with its id, in the dataset's order."""

import csv
import gzip
import io
from pathlib import Path

import numpy as np

# A labelled file of more rows than this is compressed: it is kept in git.
MAX_PLAIN_ROWS = 5000


def write_predictions(path: Path, ids: list[str], predictions_n: np.ndarray, labels_n: np.ndarray) -> Path:
    """Write `id,label,prediction` to `path`, or of many rows to `path`.gz; returns the file written."""
    content = render_predictions(ids, predictions_n, labels_n).encode()
    if len(ids) > MAX_PLAIN_ROWS:
        path = path.with_name(path.name + ".gz")
        content = gzip.compress(content, mtime=0)  # no time: equal predictions are equal bytes
    path.write_bytes(content)
    return path


def render_predictions(ids: list[str], predictions_n: np.ndarray, labels_n: np.ndarray | None = None) -> str:
    """The csv text `id,label,prediction`, or `id,prediction` without labels."""
    columns = {"id": ids}
    if labels_n is not None:
        columns["label"] = _format(labels_n)
    columns["prediction"] = _format(predictions_n)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def _format(values_n: np.ndarray) -> list[str]:
    return [f"{value:.7g}" for value in values_n]  # the digits that float32 has
