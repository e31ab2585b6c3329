"""One optimizer step on one batch of every task of a leg: the paper's multitask loss, or its gradient surgery."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.utils.hooks import RemovableHandle

from model.adamw import AdamW
from model.averages import AVERAGES
from model.combine import COMBINERS, find_head_weights, sees_heads
from model.gradients import TaskGradients, cosines
from model.kernels import FixedWeights
from model.mixout import Mixout
from model.pretrained import load_encoder
from model.rates import RATES
from model.regularisers import REGULARISERS, Pass
from model.schedules import SCHEDULES
from pipeline.files.digest import derive_seed
from pipeline.training.checkpoint import State
from pipeline.training.moving_average import average_
from pipeline.training.parameter_groups import group_parameters

# Shape suffixes: K tasks.


class LegOptimizer:
    """Takes the steps of one leg: its tasks, its learning rates, its way of combining gradients.

    `steps_per_epoch` is the number of steps of each of its epochs; the learning-rate schedule goes by it. Mixout reads
    the published encoder below `root`. Where several `ranks` train, each computes its share of every batch.
    """

    def __init__(
        self,
        run: dict[str, Any],
        leg_number: int,
        state: State,
        source: Any,  # of pipeline/training/sources/
        steps_per_epoch: int,
        root: Path = Path("."),
        ranks: Any = None,  # of pipeline/training/ranks.py
    ) -> None:
        leg, train = run["schedule"][leg_number], run["train"]
        self.source, self.state, self.ranks = source, state, ranks
        self.rank = ranks.rank if ranks else 0  # every rank draws its own dropout, rank 0 what a single one draws
        self.place = (run["phase"], leg_number)
        self.seed: int = run["seed"]
        self.tasks: list[str] = leg["tasks"]
        self.combine, self.weigh_heads = COMBINERS.bind(leg["combine"]), find_head_weights(leg["combine"])
        self.sees_heads = sees_heads(leg["combine"])
        self.loss_weights: dict[str, float] = leg["loss_weights"]
        self.penalty = REGULARISERS.bind(train["regulariser"]) if train["regulariser"] is not None else None
        self.factor = SCHEDULES.bind(train["learning_rate_schedule"])
        self.rate, self.num_layers = RATES.bind(train["rates"]), len(state.model.encoder.layers)
        self.clip_norm: float | None = train["clip_norm"]
        self.num_parts: int = train["accumulate"]
        self.share = AVERAGES.bind(train["average"]) if train["average"] is not None else None
        self.steps_per_epoch, self.num_steps = steps_per_epoch, leg["epochs"] * steps_per_epoch
        frozen = leg["encoder"] == "frozen"
        self.leg_rate: float = train["frozen_learning_rate" if frozen else "learning_rate"]
        self.learning_rate = self.leg_rate  # of the step that was taken last
        shared, pair = state.model.shared_parameters(self.tasks), state.model.pair_parameters(self.tasks)
        self.head_parameters = {task: state.model.head_parameters(task) for task in self.tasks}
        heads = [parameter for task in self.tasks for parameter in self.head_parameters[task]]
        # Over a frozen encoder no gradient is combined: what tasks share beside it moves along the sum, as a head does.
        shared, self.own = ([], [*pair, *heads]) if frozen else (shared, heads)
        embedding = state.model.encoder.word_embeddings
        self.gradients = TaskGradients(shared, len(self.tasks), embedding) if shared else None
        self.mixout = self._make_mixout(run, root) if shared and train["mixout"] else None
        groups = group_parameters(state.model, [*shared, *self.own], train["weight_decay"], train["decay_all"])
        trained = {parameter for group in groups for parameter in group["params"]}
        self.trained = {name: weight for name, weight in state.model.named_parameters() if weight in trained}
        state.average = {}
        state.optimizer = AdamW(
            groups,
            lr=self.learning_rate,
            betas=(train["beta1"], train["beta2"]),
            eps=train["eps"],
            form=train["adamw_form"],
        )

    def step(self, batches: dict[str, np.ndarray], epoch: int, step: int) -> dict[str, float]:
        """Update the model by a batch of some of the leg's tasks, at step `step` of `epoch`, both counted from 0.

        Returns each task's `loss/TASK` (and `penalty/TASK`, where there is a regulariser) without its weight, the
        `tokens` of all passes and, of several tasks, `gradients/...`: their norms and cosines. The graph of one task is
        freed before the next is built. A loss that is not finite is a `FloatingPointError`.
        """
        number = epoch * self.steps_per_epoch + step
        self._set_rates(number)
        for parameter in self.own:
            parameter.grad = None
        tasks = [task for task in self.tasks if task in batches]
        names = ("loss", "penalty") if self.penalty else ("loss",)
        measured = {"tokens": 0.0, **{f"{name}/{task}": 0.0 for task in tasks for name in names}}
        copies: dict[Any, Any] = {}  # of this step's weights, for all tasks
        if self.mixout:
            torch.manual_seed(derive_seed(self.seed, "mixout", *self.place, epoch, step))
            self.mixout.mix_()
        for k, task in enumerate(tasks):
            fixed = FixedWeights(self.gradients.slots[k] if self.gradients else {}, copies)
            mine = self.ranks.share(batches[task]) if self.ranks else batches[task]
            # The parts' graphs, too, are there one at a time; each counts by its share of the examples.
            parts = np.array_split(mine, min(self.num_parts, len(mine))) if len(mine) else []
            for part, indices in enumerate(parts):
                share, seen = len(indices) / len(batches[task]), {"tokens": 0.0}
                moment = (epoch, step, part) if part else (epoch, step)  # whose dropout is its own
                loss = self._forward(task, indices, fixed, moment, seen)
                loss = loss * (share * self.loss_weights.get(task, 1.0))
                for name, value in seen.items():
                    measured[name] += value if name == "tokens" else share * value
                if self.gradients:
                    self.gradients.backward(k, loss, adds=part > 0)
                else:
                    loss.backward()
            if self.gradients and not parts:
                self.gradients.backward(k, None)
        if self.ranks:
            self.ranks.sum_(self.gradients, len(tasks), self.own, measured)
        if self.mixout:
            self.mixout.restore_(self.gradients.slots[: len(tasks)])
        if self.gradients:
            measured |= self._combine(tasks, epoch, step, measured)
        if self.clip_norm is not None:
            measured["gradients/total_norm"] = clip_grad_norm_(self.trained.values(), self.clip_norm).item()
        self.state.optimizer.step()
        average_(self.state.average, self.trained, self.share(number, self.steps_per_epoch) if self.share else 0.0)
        return measured

    def _set_rates(self, number: int) -> None:
        """The learning rates of step `number` of the leg; what has none requires no gradient."""
        self.learning_rate = self.leg_rate * self.factor(number, self.num_steps)
        for group in self.state.optimizer.param_groups:
            factor = self.rate(group["depth"], self.num_layers, number, self.num_steps)
            group["lr"] = self.learning_rate * factor
            for parameter in group["params"]:
                parameter.requires_grad_(factor > 0)

    def _make_mixout(self, run: dict[str, Any], root: Path) -> Mixout:
        """Mixout of the weights of the encoder's linear layers that are trained, with the published encoder's."""
        encoder = self.state.model.encoder
        published = load_encoder(root / run["encoder"]["folder"]).to(encoder.word_embeddings.weight.device)
        modules = zip(encoder.modules(), published.modules(), strict=True)
        pairs = [(own.weight, other.weight.detach()) for own, other in modules if isinstance(own, nn.Linear)]
        return Mixout({own: other for own, other in pairs if own in self.gradients.slots[0]}, run["train"]["mixout"])

    def _forward(
        self,
        task: str,
        indices: np.ndarray,
        fixed: FixedWeights,
        moment: tuple[int, ...],
        measured: dict[str, float],
    ) -> Tensor:
        """The task's loss, penalty included; `moment`, (epoch, step) or (epoch, step, part), has its own dropout."""
        head, pooled = self.state.model.heads[task], []

        # The same for every pass; rank 0 draws what a single one draws.
        augmented = derive_seed(self.seed, "augmentation", *self.place, *moment, task, *[self.rank] * (self.rank > 0))

        def forward(purpose: str, fixed: FixedWeights = fixed) -> tuple[Tensor, int]:
            torch.manual_seed(derive_seed(self.seed, purpose, *self.place, *moment, task, self.rank))
            output, num_tokens = self.source.output(task, indices, fixed, augmented)
            measured["tokens"] += num_tokens
            return output, num_tokens

        def disturb(noise: Tensor) -> Tensor:
            # A pass for the noise's gradient must not write the weights' to their slots, which another task's are in.
            slots = {} if noise.requires_grad else fixed.slots
            with self._add(noise, head):
                return forward("dropout", FixedWeights(slots, fixed.copies))[0]

        with head.register_forward_pre_hook(lambda _, given: pooled.extend(given[0])):
            output, num_tokens = forward("dropout")
        labels = torch.from_numpy(self.source.data[task].labels("train", indices)).to(output.device)
        loss = head.loss(output, labels)
        measured[f"loss/{task}"] = loss.item()
        if self.penalty:
            hidden_size = self.state.model.encoder.config.hidden_size
            noise_shape = (num_tokens, hidden_size) if num_tokens else (sum(map(len, pooled)), pooled[0].shape[1])
            first = Pass(head, tuple(pooled), output, labels, lambda: forward("regulariser")[0], disturb, noise_shape)
            penalty = self.penalty(first)
            measured[f"penalty/{task}"] = penalty.item()
            loss = loss + penalty
        for name in (f"loss/{task}", f"penalty/{task}"):
            if not math.isfinite(value := measured.get(name, 0.0)):
                where = f"leg {self.place[1] + 1}, epoch {moment[0] + 1}, step {moment[1] + 1}"
                raise FloatingPointError(
                    f"the {name.split('/')[0]} of {task} is {value} at {where}, learning rate {self.learning_rate}: "
                    "a lower learning rate may help"
                )
        return loss

    def _add(self, noise: Tensor, head: nn.Module) -> RemovableHandle:
        """While the handle is open a noise is added to word embeddings, in a frozen leg to what the head is given."""
        if self.gradients:
            words = self.state.model.encoder.word_embeddings
            return words.register_forward_hook(lambda _, given, words_TD: words_TD + noise)
        return head.register_forward_pre_hook(
            lambda _, given: (tuple(map(torch.add, given[0], noise.chunk(len(given[0])))),)
        )

    def _combine(self, tasks: list[str], epoch: int, step: int, measured: Mapping[str, float]) -> dict[str, float]:
        """Combine the gradients in place; returns each task's norm, and cosine and conflict of every pair of tasks.

        They are those of the shared parameters, of the weighted losses.
        """
        if len(tasks) == 1:
            self.gradients.combine_(torch.ones(1))
            return {}
        gramian_KK = self.gradients.gramian()
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "combine", *self.place, epoch, step))
        losses_K = torch.tensor([measured[f"loss/{task}"] * self.loss_weights.get(task, 1.0) for task in tasks])
        combined_KK = gramian_KK + self._head_gramian(tasks) if self.sees_heads else gramian_KK
        weights_K = self.combine(combined_KK, generator, losses_K, self.state.combiner)
        self.gradients.combine_(weights_K)
        if self.weigh_heads:
            for task, weight in zip(tasks, self.weigh_heads(weights_K).tolist(), strict=True):
                for parameter in self.head_parameters[task]:
                    parameter.grad.mul_(weight)
        angles = {f"{tasks[i]}_{tasks[j]}": cosine for (i, j), cosine in cosines(gramian_KK).items()}
        norms = dict(zip(tasks, gramian_KK.diagonal().sqrt().tolist(), strict=True))
        return {
            **{f"gradients/norm.{task}": norm for task, norm in norms.items()},
            **{f"gradients/cosine.{pair}": cosine for pair, cosine in angles.items()},
            **{f"gradients/conflict.{pair}": float(cosine < 0) for pair, cosine in angles.items()},
        }

    def _head_gramian(self, tasks: list[str]) -> Tensor:
        """The inner products K x K of the gradients of the heads' parameters: no two tasks share one."""
        squares_K = [sum(parameter.grad.square().sum().item() for parameter in self.head_parameters[t]) for t in tasks]
        return torch.tensor(squares_K).diag()
