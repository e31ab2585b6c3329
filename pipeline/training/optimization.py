"""One optimizer step on one batch of every task of a leg: the paper's multitask loss, or its gradient surgery."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.adamw import AdamW
from model.combine import COMBINERS
from model.gradients import TaskGradients, cosines
from model.kernels import FixedWeights
from model.regularisers import REGULARISERS
from model.schedules import SCHEDULES
from pipeline.files.digest import derive_seed
from pipeline.training.checkpoint import State
from pipeline.training.task_data import FineTuned, Frozen

# Shape suffixes: K tasks.


class LegOptimizer:
    """Takes the steps of one leg: its tasks, its learning rates, its way of combining gradients.

    `steps_per_epoch` is the number of steps of each of its epochs; the learning-rate schedule goes by it.
    """

    def __init__(
        self,
        run: dict[str, Any],
        leg_number: int,
        state: State,
        source: FineTuned | Frozen,
        steps_per_epoch: int,
    ) -> None:
        leg, train = run["schedule"][leg_number], run["train"]
        self.seed, self.leg_number, self.source, self.state = run["seed"], leg_number, source, state
        self.tasks: list[str] = leg["tasks"]
        self.combine = COMBINERS.bind(leg["combine"])
        self.penalty = REGULARISERS.bind(train["regulariser"]) if train["regulariser"] is not None else None
        self.factor = SCHEDULES.bind(train["learning_rate_schedule"])
        self.steps_per_epoch, self.num_steps = steps_per_epoch, leg["epochs"] * steps_per_epoch
        frozen = leg["encoder"] == "frozen"
        self.leg_rate: float = train["frozen_learning_rate" if frozen else "learning_rate"]
        self.learning_rate = self.leg_rate  # of the step that was taken last
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
        """Update the model by a batch of some of the leg's tasks, at step `step` of `epoch`, both counted from 0.

        Returns each task's loss (and penalty, where there is a regulariser), the tokens used and, of several tasks,
        their gradients' cosines. The graph of one task is freed before the next is built. A loss that is not finite is
        a `FloatingPointError`.
        """
        self.learning_rate = self.leg_rate * self.factor(epoch * self.steps_per_epoch + step, self.num_steps)
        for group in self.state.optimizer.param_groups:
            group["lr"] = self.learning_rate
        for parameter in self.head_parameters:
            parameter.grad = None
        tasks = [task for task in self.tasks if task in batches]
        measured: dict[str, float] = {"tokens": 0.0}
        copies: dict[Any, Any] = {}  # of this step's weights, for all tasks
        for k, task in enumerate(tasks):
            slots = self.gradients.slots[k] if self.gradients else {}
            place = (self.leg_number, epoch, step, task)
            loss = self._forward(task, batches[task], FixedWeights(slots, copies), place, measured)
            if self.gradients:
                self.gradients.backward(k, loss)
            else:
                loss.backward()
        if self.gradients:
            measured |= self._combine(tasks, epoch, step, measured)
        self.state.optimizer.step()
        return measured

    def _forward(
        self,
        task: str,
        indices: np.ndarray,
        fixed: FixedWeights,
        place: tuple[int, int, int, str],
        measured: dict[str, float],
    ) -> Tensor:
        """The task's loss, penalty included; dropout is drawn anew for each (leg, epoch, step, task)."""

        def forward(purpose: str) -> tuple[Tensor, int]:
            torch.manual_seed(derive_seed(self.seed, purpose, *place))
            return self.source.output(task, indices, fixed)

        head = self.state.model.heads[task]
        output, num_tokens = forward("dropout")
        labels = torch.from_numpy(self.source.data[task].labels("train", indices))
        loss = head.loss(output, labels.to(output.device))
        measured[f"loss/{task}"] = loss.item()
        measured["tokens"] += num_tokens
        if self.penalty:
            penalty = self.penalty(head, output, lambda: forward("regulariser")[0])
            measured[f"penalty/{task}"] = penalty.item()
            loss = loss + penalty
        for name in (f"loss/{task}", f"penalty/{task}"):
            if not math.isfinite(value := measured.get(name, 0.0)):
                where = f"leg {place[0] + 1}, epoch {place[1] + 1}, step {place[2] + 1}"
                raise FloatingPointError(
                    f"the {name.split('/')[0]} of {task} is {value} at {where}, learning rate {self.learning_rate}: "
                    "a lower learning rate may help"
                )
        return loss

    def _combine(self, tasks: list[str], epoch: int, step: int, measured: Mapping[str, float]) -> dict[str, float]:
        """Combine the shared gradients in place; returns the cosine and the conflict of every pair of tasks."""
        if len(tasks) == 1:
            self.gradients.combine_(torch.ones(1))
            return {}
        gramian_KK = self.gradients.gramian()
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "combine", self.leg_number, epoch, step))
        losses_K = torch.tensor([measured[f"loss/{task}"] for task in tasks])
        self.gradients.combine_(self.combine(gramian_KK, generator, losses_K, self.state.combiner))
        angles = {f"{tasks[i]}_{tasks[j]}": cosine for (i, j), cosine in cosines(gramian_KK).items()}
        return {
            **{f"gradients/cosine.{pair}": cosine for pair, cosine in angles.items()},
            **{f"gradients/conflict.{pair}": float(cosine < 0) for pair, cosine in angles.items()},
        }
