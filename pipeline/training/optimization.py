"""One optimizer step on one batch of every task of a leg: the paper's multitask loss, or its gradient surgery."""

import math
from typing import Any

import numpy as np
import torch

from model.adamw import AdamW
from model.combine import COMBINERS
from model.gradients import TaskGradients, cosines
from pipeline.files.digest import derive_seed
from pipeline.training.checkpoint import State
from pipeline.training.task_data import FineTuned, Frozen

# Shape suffixes: K tasks.


class LegOptimizer:
    """Takes the steps of one leg: its tasks, its learning rate, its way of combining gradients."""

    def __init__(self, run: dict[str, Any], leg_number: int, state: State, source: FineTuned | Frozen) -> None:
        leg, train = run["schedule"][leg_number], run["train"]
        self.seed, self.leg_number, self.source, self.state = run["seed"], leg_number, source, state
        self.tasks: list[str] = leg["tasks"]
        self.combine = COMBINERS[leg["combine"]]
        frozen = leg["encoder"] == "frozen"
        self.learning_rate: float = train["frozen_learning_rate" if frozen else "learning_rate"]
        shared = [] if frozen else state.model.shared_parameters()
        self.head_parameters = [param for task in self.tasks for param in state.model.head_parameters(task)]
        embedding = state.model.encoder.word_embeddings
        self.gradients = TaskGradients(shared, len(self.tasks), embedding) if shared else None
        state.optimizer = AdamW(
            [*shared, *self.head_parameters],
            lr=self.learning_rate,
            betas=(train["beta1"], train["beta2"]),
            eps=train["eps"],
            weight_decay=train["weight_decay"],
            form=train["adamw_form"],
        )

    def step(self, batches: dict[str, np.ndarray], epoch: int, step: int) -> dict[str, float]:
        """Update the model; returns each task's loss, the tokens used and, of several tasks, their gradients' cosines.

        The graph of one task is freed before the next is built. A loss that is not finite is a `FloatingPointError`.
        """
        for parameter in self.head_parameters:
            parameter.grad = None
        measured: dict[str, float] = {"tokens": 0.0}
        for k, task in enumerate(self.tasks):
            torch.manual_seed(derive_seed(self.seed, "dropout", self.leg_number, epoch, step, task))
            output, num_tokens = self.source.output(task, batches[task])
            labels = torch.from_numpy(self.source.data[task].labels("train", batches[task]))
            loss = self.state.model.heads[task].loss(output, labels.to(output.device))
            measured[f"loss/{task}"] = value = loss.item()
            measured["tokens"] += num_tokens
            if not math.isfinite(value):
                where = f"leg {self.leg_number + 1}, epoch {epoch + 1}, step {step + 1}"
                raise FloatingPointError(
                    f"the loss of {task} is {value} at {where}, learning rate {self.learning_rate}: "
                    "a lower learning rate may help"
                )
            if self.gradients:
                self.gradients.backward(k, loss)
            else:
                loss.backward()
        if self.gradients:
            measured |= self._combine(epoch, step, measured)
        self.state.optimizer.step()
        return measured

    def _combine(self, epoch: int, step: int, measured: dict[str, float]) -> dict[str, float]:
        """Combine the shared gradients in place; returns the cosine and the conflict of every pair of tasks."""
        if len(self.tasks) == 1:
            self.gradients.combine_(torch.ones(1))
            return {}
        gramian_KK = self.gradients.gramian()
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "combine", self.leg_number, epoch, step))
        losses_K = torch.tensor([measured[f"loss/{task}"] for task in self.tasks])
        self.gradients.combine_(self.combine(gramian_KK, generator, losses_K, self.state.combiner))
        angles = {f"{self.tasks[i]}_{self.tasks[j]}": cosine for (i, j), cosine in cosines(gramian_KK).items()}
        return {
            **{f"gradients/cosine.{pair}": cosine for pair, cosine in angles.items()},
            **{f"gradients/conflict.{pair}": float(cosine < 0) for pair, cosine in angles.items()},
        }
