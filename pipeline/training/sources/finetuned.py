"""Outputs of a model whose encoder runs on every batch."""

import numpy as np
from torch import Tensor

from model.kernels import FixedWeights
from model.multitask import MultitaskModel
from pipeline.evaluation.predict import predict
from pipeline.training.task_data import TaskData

# Shape suffixes: n examples.


class Source:
    """The encoder's outputs, with dropout in training."""

    def __init__(self, model: MultitaskModel, data: dict[str, TaskData], max_tokens: int) -> None:
        self.model, self.data, self.max_tokens = model, data, max_tokens

    def output(
        self, task: str, indices: np.ndarray, fixed: FixedWeights | None = None, draw: int | None = None
    ) -> tuple[Tensor, int]:
        """The task's output on these training examples, and the number of tokens that it took.

        `fixed` is what the step's passes share. `draw` is the seed of the augmentation, where there is one; None: the
        sentences as they are.
        """
        sentences, augment = self.data[task].splits["train"].sentences(indices), self.data[task].augment
        if augment and draw is not None:
            generator = np.random.default_rng(draw)
            sentences = [augment(sentence, generator) for sentence in sentences]
        batch = self.model.pack(task, sentences)
        return self.model(task, batch, fixed), batch.num_tokens

    def predict(self, task: str, split: str, indices: np.ndarray) -> np.ndarray:
        """Predictions in evaluation mode, shape (n,)."""
        return predict(self.model, task, self.data[task].splits[split], indices, self.max_tokens)
