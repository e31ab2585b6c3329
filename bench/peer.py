"""The strongest ordinary stack: transformers with sdpa under bf16 autocast, fused AdamW, TorchJD's PCGrad.

Both sentences of a pair are encoded together, and a task's sentences are sorted by length and encoded in the number
of equal parts that turned out to be the fastest: one call pads every sentence to the longest, many calls are slow.
"""

import time

import torch
from torch import Tensor

from bench.course import make_adamw, pad
from bench.inputs import Batch, Inputs
from bench.models import build_start, to_transformers

# Shape suffixes: B sentences, D hidden, L tokens of the longest sentence.

NUM_PARTS = (1, 2, 3)  # tried; on two cores 2 is the fastest


class Peer:
    """Steps of the strongest ordinary stack."""

    def __init__(self, inputs: Inputs, device: torch.device) -> None:
        (leg,), train = inputs.spec["schedule"], inputs.spec["train"]
        model = build_start(inputs)
        self.inputs, self.device, self.combine = inputs, device, leg["combine"]
        self.autocast = train["precision"] == "bf16"
        self.heads = model.heads.to(device)
        self.bert = to_transformers(model.encoder, "sdpa").to(device)
        self.optimizer = make_adamw([*self.bert.parameters(), *self.heads.parameters()], train, fused=True)
        self.num_parts: int | None = None

    def step(self, batch: Batch) -> dict[str, float]:
        """Update the model; returns the loss of each task."""
        if self.num_parts is None:
            self._tune(batch)
        self.optimizer.zero_grad()
        losses = self._backward_sum(batch) if self.combine == "sum" else self._backward_pcgrad(batch)
        self.optimizer.step()
        return {task: loss.item() for task, loss in losses.items()}

    def _tune(self, batch: Batch) -> None:
        """Keep the fastest number of parts, by two steps each, the first of which warms up."""
        seconds = {}
        for self.num_parts in NUM_PARTS:
            for _ in range(2):
                start = time.perf_counter()
                self.step(batch)  # reads its losses, so a GPU has finished
                seconds[self.num_parts] = time.perf_counter() - start
        self.num_parts = min(seconds, key=seconds.get)

    def _backward_sum(self, batch: Batch) -> dict[str, Tensor]:
        losses = {task: self._loss(task, batch) for task in batch.indices}
        torch.stack(list(losses.values())).sum().backward()
        return losses

    def _backward_pcgrad(self, batch: Batch) -> dict[str, Tensor]:
        """TorchJD's `jac` task by task, then `jac_to_grad`.

        Its `mtl_backward` takes twice as long: it goes through every task's graph for every task.
        """
        from torchjd.aggregation import PCGrad
        from torchjd.autojac import jac, jac_to_grad

        shared = list(self.bert.parameters())
        losses, jacobians = {}, []
        for task in batch.indices:
            losses[task] = self._loss(task, batch)
            own = list(self.heads[task].parameters())
            rows = jac(losses[task], [*shared, *own])
            jacobians.append(rows[: len(shared)])
            for parameter, row in zip(own, rows[len(shared) :], strict=True):
                parameter.grad = row[0]
        for parameter, *rows in zip(shared, *jacobians, strict=True):
            parameter.jac = torch.cat(rows)
        jac_to_grad(shared, PCGrad(), optimize_gramian_computation=True)
        return losses

    def _loss(self, task: str, batch: Batch) -> Tensor:
        head, tokens, indices = self.heads[task], self.inputs.tokens[task], batch.indices[task]
        sentences = tokens.sentences(indices)
        order = sorted(range(len(sentences)), key=lambda place: len(sentences[place]))
        part_size = -(-len(order) // self.num_parts)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            pooled = []
            for start in range(0, len(order), part_size):
                part = [sentences[place] for place in order[start : start + part_size]]
                ids_BL, mask_BL = pad(part, self.device)
                pooled.append(self.bert(ids_BL, attention_mask=mask_BL).pooler_output)
            restore_B = torch.tensor(order).argsort().to(self.device)
            output = head(torch.cat(pooled)[restore_B].chunk(head.num_sentences))
        return head.loss(output, torch.from_numpy(tokens.labels[indices]).to(self.device))
