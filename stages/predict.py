"""Predictions of a trained model for a csv in the course's format, labelled or not."""

import argparse
import sys
from pathlib import Path

import numpy as np

from pipeline.corpora.reading import read_examples
from pipeline.corpora.tokenizing import tokenize
from pipeline.evaluation.predict import predict
from pipeline.evaluation.prediction_files import render_predictions
from pipeline.evaluation.saved_model import load_model
from pipeline.files.atomic import write_text
from pipeline.tokens.store import make_token_set


def main() -> None:
    """Write `id,prediction`, one row per input row, in order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, metavar="FOLDER", help="what a training stage left")
    parser.add_argument("--task", required=True)
    parser.add_argument("--input", type=Path, required=True, metavar="CSV")
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    arguments = parser.parse_args()
    model, description = load_model(arguments.weights)
    if arguments.task not in description["tasks"]:
        raise ValueError(f"{arguments.weights}: no task {arguments.task!r}; allowed: {', '.join(description['tasks'])}")
    text = description["tasks"][arguments.task]["text"]
    examples = read_examples(arguments.input, text["sentences"], None, None)
    vocab = arguments.weights / "vocab.txt"
    ids = tokenize(examples.flat_sentences, vocab, text["cleaning"], text["max_length"]).ids
    tokens = make_token_set(ids, None, examples.ids, len(text["sentences"]))
    max_tokens = description["train"]["evaluation_tokens"]
    predictions = predict(model, arguments.task, tokens, np.arange(tokens.num_examples), max_tokens)
    write_text(arguments.output, render_predictions(tokens.ids, predictions))


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"predict: {error}")
