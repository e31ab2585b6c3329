"""The project's own code, as its training loop and its evaluation call it."""

from typing import Any

import numpy as np
import torch

from bench.inputs import Batch, Inputs
from bench.models import build_start
from pipeline.evaluation.predict import predict
from pipeline.training.checkpoint import Progress, State
from pipeline.training.optimization import LegOptimizer
from pipeline.training.sources import SOURCES
from pipeline.training.task_data import TaskData, make_source, read_task_data


class Ours:
    """Steps of a run's only leg; with `frozen`, of its heads over a frozen encoder."""

    def __init__(self, inputs: Inputs, device: torch.device, frozen: bool = False) -> None:
        spec = inputs.spec
        (leg,) = spec["schedule"]
        spec = spec | {"schedule": [leg | {"encoder": "frozen" if frozen else "finetuned"}]}
        self.inputs, self.model = inputs, build_start(inputs).to(device)
        source = make_source(spec, 0, self.model, read_data(inputs))
        self.optimizer = LegOptimizer(spec, 0, State(Progress(), self.model), source, steps_per_epoch=1)

    def step(self, batch: Batch) -> dict[str, float]:
        """Update the model; returns the loss of each task."""
        measured = self.optimizer.step(batch.indices, epoch=0, step=batch.number)
        return {task: measured[f"loss/{task}"] for task in batch.indices}


class Evaluation:
    """Predictions for the examples of a batch, in evaluation mode."""

    def __init__(self, inputs: Inputs, device: torch.device) -> None:
        self.inputs, self.model = inputs, build_start(inputs).to(device)

    def step(self, batch: Batch) -> dict[str, np.ndarray]:
        """The predictions of each task."""
        max_tokens = self.inputs.spec["train"]["evaluation_tokens"]
        return {
            task: predict(self.model, task, self.inputs.tokens[task], indices, max_tokens)
            for task, indices in batch.indices.items()
        }


class FrozenEncoding:
    """The sentences of a batch encoded once, as before the first step over a frozen encoder."""

    def __init__(self, inputs: Inputs, device: torch.device) -> None:
        self.inputs, self.model = inputs, build_start(inputs).to(device)

    def step(self, batch: Batch) -> Any:
        """The source of the sentences' vectors."""
        nothing = np.arange(1)  # a source also encodes the examples of the dev curve: one of each task here
        data = {
            task: TaskData(task, dict.fromkeys(("train", "dev"), self.inputs.tokens[task]), indices, {"dev": nothing})
            for task, indices in batch.indices.items()
        }
        return SOURCES["frozen"](self.model, data, self.inputs.spec["train"]["evaluation_tokens"])


def read_data(inputs: Inputs) -> dict[str, TaskData]:
    """The training data, as a run opens it."""
    spec = inputs.spec
    return {name: read_task_data(name, spec, inputs.folder) for name in spec["tasks"]}
