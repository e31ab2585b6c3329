"""Prediction files read back and joined by example id: `id,label,prediction`, other columns left alone.

Shape suffixes: N examples, S seeds.
"""

import csv
import gzip
import io
import math
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

COLUMNS = ("id", "label", "prediction")
SUFFIXES = (".csv", ".csv.gz")
MAX_BYTES = 16 * 2**20  # of a file, uncompressed: the course's largest, 40,000 rows, has 2 MB


@dataclass(frozen=True)
class Predictions:
    """One run's predictions on one task's dev set, in the order of its file."""

    path: Path
    ids: list[str]
    labels_N: np.ndarray
    predictions_N: np.ndarray


def find_tasks(folder: Path) -> dict[str, Path]:
    """The prediction files of a run's folder by task; a task with two files is a `ValueError`."""
    files: dict[str, Path] = {}
    for path in sorted(Path(folder).iterdir()):
        if path.name.startswith(".") or not path.name.endswith(SUFFIXES):
            continue
        task = path.name.removesuffix(".gz").removesuffix(".csv")
        if task in files:
            raise ValueError(f"{folder}: {files[task].name} and {path.name} are of the same task; allowed: one of them")
        files[task] = path
    return files


def read_predictions(path: Path) -> Predictions:
    """Read a csv file, compressed or not.

    A file that cannot be read, has no rows, lacks a column, repeats an id, or holds a label or prediction that is not
    a finite number is a `ValueError` naming file and row. So is one of more than `MAX_BYTES`.
    """
    path = Path(path)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"{path}: more than {MAX_BYTES} bytes")
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        header = next(rows, [])
        missing = [column for column in COLUMNS if column not in header]
        if missing:
            raise ValueError(f"{path}: no column {', '.join(missing)}; needed: {', '.join(COLUMNS)}")
        places = [header.index(column) for column in COLUMNS]
        cells = [[row[place] for place in places] for row in rows if row]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: cannot be read ({error})") from None
    except IndexError:
        raise ValueError(f"{path}: a row has fewer cells than the header") from None
    if not cells:
        raise ValueError(f"{path}: no rows")
    ids, labels, predictions = map(list, zip(*cells, strict=True))
    (name, count), *_ = Counter(ids).most_common(1)
    if count > 1:
        raise ValueError(f"{path}: the id {name!r} stands in {count} rows; allowed: one")
    return Predictions(path, ids, _numbers(path, ids, "label", labels), _numbers(path, ids, "prediction", predictions))


def _numbers(path: Path, ids: list[str], column: str, texts: list[str]) -> np.ndarray:
    try:
        numbers = np.array(texts, np.float64)
    except ValueError:
        numbers = np.array([_number(text) for text in texts])
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        place = wrong[0]
        raise ValueError(f"{path}: {column} of {ids[place]!r} is {texts[place]!r}; allowed: finite numbers")
    return numbers


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def align(runs: list[Predictions]) -> tuple[np.ndarray, np.ndarray]:
    """labels_N and predictions_SN of several runs, joined by id in the first one's order.

    Other ids or other gold labels than the first run's are a `ValueError` naming both files.
    """
    first = runs[0]
    places = {name: place for place, name in enumerate(first.ids)}
    predictions_SN = np.empty((len(runs), len(first.ids)))
    for run, row_N in zip(runs, predictions_SN, strict=True):
        labels_N, predictions_N = run.labels_N, run.predictions_N
        if run.ids != first.ids:
            if set(run.ids) != set(first.ids):
                only = sorted(set(run.ids) ^ set(first.ids))
                raise ValueError(f"{run.path}: other ids than {first.path}: {len(only)} stand in one of them only, "
                                 f"such as {only[0]!r}")  # fmt: skip
            order_N = np.argsort([places[name] for name in run.ids])
            labels_N, predictions_N = labels_N[order_N], predictions_N[order_N]
        wrong = np.flatnonzero(labels_N != first.labels_N)
        if len(wrong):
            name, label, other = first.ids[wrong[0]], labels_N[wrong[0]], first.labels_N[wrong[0]]
            raise ValueError(f"{run.path}: {len(wrong)} other gold labels than {first.path}: "
                             f"that of {name!r} is {label:g}, there {other:g}")  # fmt: skip
        row_N[:] = predictions_N
    return first.labels_N, predictions_SN
