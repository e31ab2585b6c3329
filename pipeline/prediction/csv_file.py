"""Predictions for a csv in the course's format, labelled or not, with what lies in a model's folder."""

from pathlib import Path

import numpy as np

from pipeline.corpora.reading import read_examples
from pipeline.corpora.tokenizing import tokenize
from pipeline.evaluation.predict import predict
from pipeline.evaluation.prediction_files import render_predictions
from pipeline.evaluation.saved_model import load_model
from pipeline.files.atomic import write_text
from pipeline.tokens.store import make_token_set


def predict_csv(folder: Path, task: str, source: Path, destination: Path) -> None:
    """Write `id,prediction` to `destination`, one row per row of `source`, in its order.

    `folder` is what a training stage left. The text is cleaned, tokenised and truncated as in training.
    """
    model, description = load_model(folder)
    if task not in description["tasks"]:
        raise ValueError(f"{folder}: no task {task!r}; allowed: {', '.join(description['tasks'])}")
    text = description["tasks"][task]["text"]
    examples = read_examples(source, text["sentences"], None, None)
    ids = tokenize(examples.flat_sentences, folder / "vocab.txt", text["cleaning"], text["max_length"]).ids
    tokens = make_token_set(ids, None, examples.ids, len(text["sentences"]))
    everything = np.arange(tokens.num_examples)
    predictions = predict(model, task, tokens, everything, description["train"]["evaluation_tokens"])
    write_text(destination, render_predictions(tokens.ids, predictions))
