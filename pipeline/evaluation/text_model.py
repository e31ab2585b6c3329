"""A trained model that takes text: sentences are cleaned, tokenised and truncated as in training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.token_files import make_token_set
from pipeline.data.tokenizing import Tokenizer
from pipeline.evaluation.predict import predict
from pipeline.evaluation.saved_model import load_model


class TextModel:
    """What a training stage left in `folder`, ready to predict; the encoder's folder is meant from `root`.

    `sentences` names each task's sentences, one or two. It may be called from several threads at once.
    """

    def __init__(self, folder: Path, root: Path = Path(".")) -> None:
        self._folder = Path(folder)
        self._model, self._description = load_model(self._folder, root)
        self._model.eval()  # once and for all, so that no thread switches dropout on under another
        self._text = {name: task["text"] for name, task in self._description["tasks"].items()}
        kinds = {_kind(text) for text in self._text.values()}
        self._tokenizers = {kind: Tokenizer(self._folder / "vocab.txt", *kind) for kind in kinds}
        self.sentences = {name: text["sentences"] for name, text in self._text.items()}

    def check_task(self, task: str) -> None:
        """Raise `ValueError` for a task that the model was not made for."""
        if task not in self.sentences:
            raise ValueError(f"{self._folder}: no task {task!r}; allowed: {', '.join(self.sentences)}")

    def predict(self, task: str, examples: Sequence[tuple[str, ...]]) -> np.ndarray:
        """One prediction per example (its one or two sentences), float32, in order: a class, or a score."""
        self.check_task(task)
        if not examples:
            return np.empty(0, np.float32)
        text = self._text[task]
        sentences = [sentence for example in examples for sentence in example]
        ids = self._tokenizers[_kind(text)].tokenize(sentences, text["cleaning"]).ids
        tokens = make_token_set(ids, None, [str(place) for place in range(len(examples))], len(text["sentences"]))
        everything = np.arange(len(examples))
        return predict(self._model, task, tokens, everything, self._description["train"]["evaluation_tokens"])


def _kind(text: dict[str, Any]) -> tuple[int, bool]:
    """What a tokenizer is made for: the most tokens of a sentence, and whether it is lower-cased."""
    return text["max_length"], text.get("lowercase", True)
