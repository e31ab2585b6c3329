"""Predictions for a csv in the course's format, labelled or not, with what lies in a model's folder."""

from pathlib import Path

from pipeline.data.reading import read_examples
from pipeline.evaluation.prediction_files import render_predictions
from pipeline.evaluation.text_model import TextModel
from pipeline.files.atomic import write_text


def predict_csv(folder: Path, task: str, source: Path, destination: Path) -> None:
    """Write `id,prediction` to `destination`, one row per row of `source`, in its order.

    `folder` is what a training stage left.
    """
    model = TextModel(folder)
    model.check_task(task)
    examples = read_examples(source, model.sentences[task], None, None)
    if not examples.ids:
        raise ValueError(f"{source}: there are no examples")
    write_text(destination, render_predictions(examples.ids, model.predict(task, examples.sentences)))
