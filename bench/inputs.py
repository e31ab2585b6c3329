"""What every stack is given: real sentences of the paper's three tasks, one encoder and one run file, in a folder.

The folder is laid out as a project root, so that the project's own code reads it as it reads a run's inputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from pipeline.data.token_files import TokenSet, read_tokens
from pipeline.files.atomic import read_json
from pipeline.files.digest import derive_seed, hash_file

TASKS = ("sst", "para", "sts")
BATCH_SIZE = 32  # examples of each task in a step (paper)
SPEC = Path("run.json")
ENCODER = Path("encoder")
TOKENS = Path("tokens")


class Batch(NamedTuple):
    """One step's examples, as indices into each task's tokens."""

    number: int
    indices: dict[str, np.ndarray]


@dataclass(frozen=True)
class Inputs:
    """A prepared folder; `spec` is a run file of one leg, whose paths are relative to the folder."""

    folder: Path
    spec: dict[str, Any]

    @cached_property
    def tokens(self) -> dict[str, TokenSet]:
        folders = {name: self.folder / task["tokens"]["train"] for name, task in self.spec["tasks"].items()}
        return {name: read_tokens(folder) for name, folder in folders.items()}

    def choose(self, tasks: Sequence[str] = TASKS, combine: str = "sum", precision: str = "fp32") -> Self:
        """The same with a leg of these tasks, combined in this way, computed in this precision.

        `sts_2` is another task on the data of `sts`: growth is measured with more tasks than there are data sets.
        """
        leg = {"tasks": list(tasks), "epochs": 1, "encoder": "finetuned", "combine": combine, "loss_weights": {}}
        chosen = {task: self.spec["tasks"][task.partition("_")[0]] for task in tasks}
        train = self.spec["train"] | {"precision": precision}
        return replace(self, spec=self.spec | {"tasks": chosen, "schedule": [leg], "train": train})

    def draw(self, number: int, batch_size: int = BATCH_SIZE) -> Batch:
        """Batch `number`: as many random examples of every task, the same whoever asks."""

        def choose(task: str) -> np.ndarray:
            generator = np.random.Generator(np.random.PCG64(derive_seed("bench", number, task)))
            return generator.choice(self.tokens[task].num_examples, batch_size, replace=False)

        return Batch(number, {task: choose(task) for task in self.spec["tasks"]})

    def lengths(self, batch: Batch) -> dict[str, list[int]]:
        """The tokens of every sentence of a batch: what it takes without padding."""
        return {
            task: [len(sentence) for sentence in self.tokens[task].sentences(indices)]
            for task, indices in batch.indices.items()
        }


def read_inputs(folder: Path) -> Inputs:
    """Open what `bench.prepare` wrote."""
    spec = read_json(folder / SPEC)
    files = {"sha256": "model.safetensors", "config_sha256": "config.json"}
    hashes = {key: hash_file(folder / ENCODER / name) for key, name in files.items()}
    return Inputs(folder, spec | {"encoder": spec["encoder"] | hashes})
