"""Outputs over a frozen encoder: every example is encoded once, in evaluation mode, and its vectors kept."""

import numpy as np
import torch
from torch import Tensor

from model.kernels import FixedWeights
from model.multitask import MultitaskModel
from pipeline.evaluation.predict import encode
from pipeline.training.task_data import SELECTION, TaskData

# Shape suffixes: n examples, V vectors of an example, B = n * V, D hidden.


class Source:
    """The heads' outputs on the vectors that were kept; no token passes the encoder in a step."""

    def __init__(self, model: MultitaskModel, data: dict[str, TaskData], max_tokens: int) -> None:
        self.model, self.data = model, data
        self.vectors: dict[tuple[str, str], Tensor] = {}  # n x V x D
        self.places: dict[tuple[str, str], np.ndarray] = {}  # example index -> row of vectors
        device = next(model.parameters()).device
        for task, task_data in data.items():
            in_training = [task_data.train_indices, task_data.measured.get(SELECTION, task_data.train_indices[:0])]
            for split, used in (("train", np.concatenate(in_training)), ("dev", task_data.measured["dev"])):
                tokens = task_data.splits[split]
                vectors = encode(model, task, tokens, used, max_tokens)
                self.vectors[task, split] = torch.from_numpy(vectors).to(device)
                self.places[task, split] = np.full(tokens.num_examples, -1)
                self.places[task, split][used] = np.arange(len(used))

    def output(
        self, task: str, indices: np.ndarray, fixed: FixedWeights | None = None, draw: int | None = None
    ) -> tuple[Tensor, int]:
        """The task's output on these training examples; no token passes the encoder: `fixed` and `draw` do nothing."""
        return self.model.forward_head(task, self._pooled(task, "train", indices)), 0

    @torch.no_grad()
    def predict(self, task: str, split: str, indices: np.ndarray) -> np.ndarray:
        """Predictions in evaluation mode, shape (n,)."""
        self.model.eval()  # the head and what lies below it
        output = self.model.forward_head(task, self._pooled(task, split, indices))
        self.model.train()
        return self.model.heads[task].predict(output).cpu().numpy()

    def _pooled(self, task: str, split: str, indices: np.ndarray) -> Tensor:
        rows = self.vectors[task, split][torch.from_numpy(self.places[task, split][indices])]
        return rows.transpose(0, 1).flatten(0, 1)  # B x D: all first ones, then all second ones
