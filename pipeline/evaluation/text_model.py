"""A trained model that takes text: sentences are cleaned, tokenised and truncated as in training."""

import re
import reprlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.data.token_files import make_token_set
from pipeline.data.tokenizing import Tokenizer
from pipeline.data.vocabulary import UNKNOWN, read_vocabulary
from pipeline.evaluation.model_schema import MODEL, refuse_outputs
from pipeline.evaluation.predict import compute_outputs, predict
from pipeline.evaluation.saved_model import load_model
from pipeline.files.atomic import read_json
from pipeline.files.forms import check

# So Python holds an argument's bytes that are not UTF-8, too.
HALF_OF_A_PAIR = re.compile("[\ud800-\udfff]")


class TextModel:
    """What a training stage left in `folder`, ready to predict; the encoder's folder is meant from `root`.

    `sentences` names each task's sentences, one or two. Files of another form are a `ValueError`.
    It may be called from several threads at once.
    """

    def __init__(self, folder: Path, root: Path = Path(".")) -> None:
        self._folder = Path(folder)
        refuse_outputs(self._folder)
        check(read_json(self._folder / "model.json"), MODEL, self._folder / "model.json")
        try:
            self._model, self._description = load_model(self._folder, root)
        except ValueError as error:  # of a registry, which does not know the file
            raise ValueError(f"{self._folder}: {error}") from None
        self._model.eval()  # once and for all, so that no thread switches dropout on under another
        self._text = {name: task["text"] for name, task in self._description["tasks"].items()}
        kinds = {_kind(text) for text in self._text.values()}
        self._tokenizers = {kind: Tokenizer(self._folder / "vocab.txt", *kind) for kind in kinds}
        self._check_vocabulary(self._folder / "vocab.txt")
        self.sentences = {name: text["sentences"] for name, text in self._text.items()}

    def _check_vocabulary(self, path: Path) -> None:
        pieces, most = read_vocabulary(path), self._model.encoder.config.vocab_size
        if UNKNOWN not in pieces or len(pieces) > most:
            said = f"{len(pieces)} word pieces, {'with' if UNKNOWN in pieces else 'without'} {UNKNOWN}"
            raise ValueError(f"{path}: {said}; allowed: {most} at most, as the encoder has, with {UNKNOWN}")

    def check_task(self, task: str) -> None:
        """Raise `ValueError` for a task that the model was not made for."""
        if task not in self.sentences:
            raise ValueError(f"{self._folder}: no task {task!r}; allowed: {', '.join(self.sentences)}")

    def predict(self, task: str, examples: Sequence[tuple[str, ...]]) -> np.ndarray:
        """One prediction per example (its one or two sentences), float32, in order: a class, or a score."""
        self.check_task(task)
        return self._compute(predict, task, examples) if examples else np.empty(0, np.float32)

    def predict_probabilities(
        self, task: str, examples: Sequence[tuple[str, ...]]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """What `predict` gives of one example or more, and the probabilities of the classes, n x C; None of scores."""
        self.check_task(task)
        head, output = self._model.heads[task], torch.from_numpy(self._compute(compute_outputs, task, examples))
        probabilities = output.softmax(dim=-1).numpy() if head.labels == "classes" else None
        return head.predict(output).numpy(), probabilities

    def _compute(
        self, function: Callable[..., np.ndarray], task: str, examples: Sequence[tuple[str, ...]]
    ) -> np.ndarray:
        """`predict` or `compute_outputs` on the examples."""
        text, train = self._text[task], self._description["train"]
        sentences = [sentence for example in examples for sentence in example]
        if wrong := next((sentence for sentence in sentences if HALF_OF_A_PAIR.search(sentence)), None):
            raise ValueError(f"{reprlib.repr(wrong)} is no text: bytes that are not UTF-8, or half of a surrogate pair")
        ids = self._tokenizers[_kind(text)].tokenize(sentences, text["cleaning"]).ids
        tokens = make_token_set(ids, None, [str(place) for place in range(len(examples))], len(text["sentences"]))
        return function(self._model, task, tokens, np.arange(len(examples)), train["evaluation_tokens"])


def _kind(text: dict[str, Any]) -> tuple[int, bool]:
    """What a tokenizer is made for: the most tokens of a sentence, and whether it is lower-cased."""
    return text["max_length"], text.get("lowercase", True)
