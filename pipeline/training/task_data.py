"""What a run reads of one task: the examples it trains on, those it chooses an epoch by, those of its curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.kernels import FixedWeights
from model.multitask import MultitaskModel
from model.packing import pack
from pipeline.data.token_files import TokenSet, read_tokens
from pipeline.evaluation.predict import encode, predict
from pipeline.files.digest import derive_seed, hash_folder
from pipeline.training.batches import choose, hold_out
from pipeline.training.mixing import MIXINGS

# Shape suffixes: n examples, B sequences, S sentences per example, D hidden.


SELECTION = "selection"


@dataclass(frozen=True)
class TaskData:
    """A task's splits; `train_indices` are the examples trained on, `measured` those that each epoch is measured on.

    `measured` has train and dev, equally many where there are as many, and `SELECTION` where an epoch is chosen by
    examples held out of the training set.
    """

    name: str
    splits: dict[str, TokenSet]  # train and dev
    train_indices: np.ndarray
    measured: dict[str, np.ndarray]

    def labels(self, split: str, indices: Sequence[int]) -> np.ndarray:
        return self.splits[split].labels[indices]

    @staticmethod
    def split_of(name: str) -> str:
        """The split whose indices `measured[name]` holds."""
        return "train" if name == SELECTION else name


def read_task_data(name: str, spec: dict[str, Any], root: Path) -> TaskData:
    """Open the token files of a task of a run file; content other than the file says is a `ValueError`."""
    task = spec["tasks"][name]
    for split, folder in task["tokens"].items():
        if (found := hash_folder(root / folder)) != task["digests"][split]:
            raise ValueError(f"{folder}: its hash is {found}, the run file says {task['digests'][split]}")
    splits = {split: read_tokens(root / folder) for split, folder in task["tokens"].items()}
    fraction = spec["train"]["selection_fraction"] if spec["train"]["keep"] == "best" else None
    sizes = (splits["train"].num_examples, task["max_train"])
    train_indices, held_out = hold_out(name, *sizes, fraction, spec["seed"])
    curve_dev = choose(f"curve dev {name}", splits["dev"].num_examples, spec["curve_examples"])
    curve_train = train_indices[choose(f"curve train {name}", len(train_indices), len(curve_dev))]
    measured = {"train": curve_train, "dev": curve_dev} | ({SELECTION: held_out} if len(held_out) else {})
    return TaskData(name, splits, train_indices, measured)


class FineTuned:
    """Outputs of a model whose encoder runs on every batch."""

    def __init__(self, model: MultitaskModel, data: dict[str, TaskData], max_tokens: int) -> None:
        self.model, self.data, self.max_tokens = model, data, max_tokens

    def output(self, task: str, indices: np.ndarray, fixed: FixedWeights | None = None) -> tuple[Tensor, int]:
        """The task's output on these training examples, and the number of tokens that it took.

        `fixed` is what the step's passes share.
        """
        batch = pack(self.data[task].splits["train"].sentences(indices))
        return self.model(task, batch.to(_device(self.model)), fixed), batch.num_tokens

    def predict(self, task: str, split: str, indices: np.ndarray) -> np.ndarray:
        """Predictions in evaluation mode, shape (n,)."""
        return predict(self.model, task, self.data[task].splits[split], indices, self.max_tokens)


class Frozen:
    """The same with a frozen encoder: every sentence is encoded once, in evaluation mode, and its vector kept."""

    def __init__(self, model: MultitaskModel, data: dict[str, TaskData], max_tokens: int) -> None:
        self.model, self.data = model, data
        self.vectors: dict[tuple[str, str], Tensor] = {}  # n x S x D
        self.places: dict[tuple[str, str], np.ndarray] = {}  # example index -> row of vectors
        for task, task_data in data.items():
            in_training = [task_data.train_indices, task_data.measured.get(SELECTION, task_data.train_indices[:0])]
            for split, used in (("train", np.concatenate(in_training)), ("dev", task_data.measured["dev"])):
                tokens = task_data.splits[split]
                vectors = encode(model, tokens, used, max_tokens)
                self.vectors[task, split] = torch.from_numpy(vectors).to(_device(model))
                self.places[task, split] = np.full(tokens.num_examples, -1)
                self.places[task, split][used] = np.arange(len(used))

    def output(self, task: str, indices: np.ndarray, fixed: FixedWeights | None = None) -> tuple[Tensor, int]:
        """The task's output on these training examples; no token passes the encoder, so `fixed` is not read."""
        return self.model.forward_head(task, self._pooled(task, "train", indices)), 0

    @torch.no_grad()
    def predict(self, task: str, split: str, indices: np.ndarray) -> np.ndarray:
        """Predictions in evaluation mode, shape (n,)."""
        head = self.model.heads[task].eval()
        predictions = head.predict(self.model.forward_head(task, self._pooled(task, split, indices)))
        head.train()
        return predictions.cpu().numpy()

    def _pooled(self, task: str, split: str, indices: np.ndarray) -> Tensor:
        rows = self.vectors[task, split][torch.from_numpy(self.places[task, split][indices])]
        return rows.transpose(0, 1).flatten(0, 1)  # B x D: all first sentences, then all second ones


def make_source(
    spec: dict[str, Any], leg_number: int, model: MultitaskModel, data: dict[str, TaskData]
) -> FineTuned | Frozen:
    """Where the steps of a run file's leg get the outputs of a model from; a frozen leg encodes its examples now."""
    leg = spec["schedule"][leg_number]
    kind = Frozen if leg["encoder"] == "frozen" else FineTuned
    return kind(model, {task: data[task] for task in leg["tasks"]}, spec["train"]["evaluation_tokens"])


def draw_steps(
    spec: dict[str, Any], leg_number: int, epoch: int, data: dict[str, TaskData]
) -> list[dict[str, np.ndarray]]:
    """The steps of an epoch: the training examples that each takes of the leg's tasks."""
    used = {task: data[task].train_indices for task in spec["schedule"][leg_number]["tasks"]}
    num_examples = {task: len(indices) for task, indices in used.items()}
    mix, seed = MIXINGS.bind(spec["train"]["mixing"]), derive_seed(spec["seed"], spec["phase"])
    steps = mix(num_examples, spec["train"]["batch_size"], seed=seed, leg=leg_number, epoch=epoch)
    return [{task: used[task][positions] for task, positions in step.items()} for step in steps]


def _device(model: MultitaskModel) -> torch.device:
    return next(model.parameters()).device
