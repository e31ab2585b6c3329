"""Predictions for a csv in the course's format, labelled or not, or for one example, by a model's folder."""

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.data.reading import read_examples
from pipeline.evaluation.intact import check_model
from pipeline.evaluation.text_model import TextModel
from pipeline.files.atomic import write_text


def predict_csv(folder: Path, task: str, source: Path, destination: Path) -> None:
    """Write `id,prediction` to `destination`, one row per row of `source`, in its order.

    For classes, `probability_0` and so on stand beside it. `folder` is what a training stage left. The rows of a file
    without the column `id` are numbered from 1.
    """
    model = _open_model(folder)
    model.check_task(task)
    examples = read_examples(source, model.sentences[task], None, None, needs_ids=False)
    if not examples.ids:
        raise ValueError(f"{source}: there are no examples")
    predictions_n, probabilities_nC = model.predict_probabilities(task, examples.sentences)
    columns = {"id": examples.ids, "prediction": [f"{value:.7g}" for value in predictions_n]}
    if probabilities_nC is not None:
        for place, values_n in enumerate(probabilities_nC.T):
            columns[f"probability_{place}"] = [f"{value:.7g}" for value in values_n]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_text(destination, text.getvalue())


def predict_text(folder: Path, task: str, sentences: Sequence[str]) -> str:
    """The prediction for one example, and a line for the probability of each class, as text."""
    model = _open_model(folder)
    model.check_task(task)
    names = model.sentences[task]
    if len(sentences) != len(names):
        raise ValueError(f"task {task!r} is about {len(names)} text(s) ({', '.join(names)}), not {len(sentences)}")
    (prediction,), probabilities_1C = model.predict_probabilities(task, [tuple(sentences)])
    lines = [f"prediction: {prediction:.4g}"]
    if probabilities_1C is not None:
        lines += [f"probability of {place}: {value:.4f}" for place, value in enumerate(probabilities_1C[0])]
    return "\n".join(lines)


def _open_model(folder: Path) -> TextModel:
    if not check_model(folder):
        print(f"{folder}: no record of its training lies beside it: its files are not checked", file=sys.stderr)
    return TextModel(folder)
