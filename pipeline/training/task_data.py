"""What a run reads of one task: the examples it trains on, those it chooses an epoch by, those of its curves."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.multitask import MultitaskModel
from pipeline.data.token_files import TokenSet, read_tokens
from pipeline.files.digest import derive_seed, hash_folder
from pipeline.training.augmentation import Augmentation, make_augmentation
from pipeline.training.batches import choose, hold_out
from pipeline.training.mixing import MIXINGS
from pipeline.training.sources import SOURCES

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
    augment: Augmentation | None = None

    def labels(self, split: str, indices: Sequence[int]) -> np.ndarray:
        return self.splits[split].labels[indices]

    def count_tokens(self) -> np.ndarray:
        """The tokens of each example that is trained on, of all its sentences."""
        train = self.splits["train"]
        return train.lengths.reshape(train.num_examples, -1).sum(axis=1)[self.train_indices]

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
    choice, vocab_path = spec["train"]["augmentation"], root / spec["encoder"]["folder"] / "vocab.txt"
    augment = make_augmentation(choice, vocab_path) if choice is not None else None
    return TaskData(name, splits, train_indices, measured, augment)


def make_source(spec: dict[str, Any], leg_number: int, model: MultitaskModel, data: dict[str, TaskData]) -> Any:
    """Where the steps of a run file's leg get the outputs of a model from; a frozen leg encodes its examples now."""
    leg = spec["schedule"][leg_number]
    make = SOURCES[leg["encoder"]]
    return make(model, {task: data[task] for task in leg["tasks"]}, spec["train"]["evaluation_tokens"])


def draw_steps(
    spec: dict[str, Any], leg_number: int, epoch: int, data: dict[str, TaskData]
) -> list[dict[str, np.ndarray]]:
    """The steps of an epoch: the training examples that each takes of the leg's tasks."""
    leg = spec["schedule"][leg_number]
    used = {task: data[task].train_indices for task in leg["tasks"]}
    num_examples = {task: len(indices) for task, indices in used.items()}
    mix, seed = MIXINGS.bind(spec["train"]["mixing"]), derive_seed(spec["seed"], spec["phase"])
    asked = inspect.signature(mix).parameters
    more: dict[str, Any] = {"num_epochs": leg["epochs"]} if "num_epochs" in asked else {}
    if "lengths" in asked:
        more |= {"lengths": {task: data[task].count_tokens() for task in used}}
    steps = mix(num_examples, spec["train"]["batch_size"], seed=seed, leg=leg_number, epoch=epoch, **more)
    return [{task: used[task][positions] for task, positions in step.items()} for step in steps]
