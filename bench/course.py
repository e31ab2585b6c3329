"""The usual way: transformers' eager BertModel in fp32, padded, each sentence of a pair encoded in a call of its own.

PCGrad as the popular PyTorch port does it (Tseng 2020, WeiChengTseng/Pytorch-PCGrad): every graph is alive at once,
gradients of all parameters are flattened and copied, heads are projected too, and shared entries are averaged.
"""

import random

import torch
from torch import Tensor, nn

from bench.inputs import Batch, Inputs
from bench.models import build_start, to_transformers

# Shape suffixes: n examples, L tokens of the longest sentence, D hidden, K tasks, P all parameters.


class Course:
    """Steps of the course-style stack."""

    def __init__(self, inputs: Inputs, device: torch.device) -> None:
        (leg,), train = inputs.spec["schedule"], inputs.spec["train"]
        model = build_start(inputs)
        self.inputs, self.device, self.combine = inputs, device, leg["combine"]
        self.heads = model.heads.to(device)
        self.bert = to_transformers(model.encoder, "eager").to(device)
        self.parameters = [*self.bert.parameters(), *self.heads.parameters()]
        self.optimizer = make_adamw(self.parameters, train)

    def step(self, batch: Batch) -> dict[str, float]:
        """Update the model; returns the loss of each task."""
        self.optimizer.zero_grad()
        losses = {task: self._loss(task, batch) for task in batch.indices}
        if self.combine == "pcgrad":
            backward_with_surgery(list(losses.values()), self.parameters)
        else:
            torch.stack(list(losses.values())).sum().backward()
        self.optimizer.step()
        return {task: loss.item() for task, loss in losses.items()}

    def _loss(self, task: str, batch: Batch) -> Tensor:
        head, tokens, indices = self.heads[task], self.inputs.tokens[task], batch.indices[task]
        sentences = tokens.sentences(indices)
        pooled = []
        for start in range(0, len(sentences), len(indices)):
            ids_nL, mask_nL = pad(sentences[start : start + len(indices)], self.device)
            pooled.append(self.bert(ids_nL, attention_mask=mask_nL).pooler_output)
        return head.loss(head(tuple(pooled)), torch.from_numpy(tokens.labels[indices]).to(self.device))


def make_adamw(parameters: list[nn.Parameter], train: dict, fused: bool | None = None) -> torch.optim.AdamW:
    """torch's AdamW with a run file's settings."""
    betas = (train["beta1"], train["beta2"])
    return torch.optim.AdamW(
        parameters, train["learning_rate"], betas, train["eps"], train["weight_decay"], fused=fused
    )


def pad(sentences: list[list[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids n x L, filled up with 0, and a mask of the real ones."""
    ids_nL = nn.utils.rnn.pad_sequence([torch.tensor(sentence) for sentence in sentences], batch_first=True)
    lengths_n = torch.tensor([len(sentence) for sentence in sentences])
    mask_nL = (torch.arange(ids_nL.shape[1]) < lengths_n[:, None]).long()
    return ids_nL.to(device), mask_nL.to(device)


def backward_with_surgery(losses: list[Tensor], parameters: list[nn.Parameter]) -> None:
    """Leave the popular port's PCGrad as the parameters' gradient."""
    gradients, owned = [], []
    for loss in losses:
        for parameter in parameters:
            parameter.grad = None
        loss.backward(retain_graph=True)
        gradients.append(_flatten([_copy_gradient(parameter) for parameter in parameters]))
        owned.append(_flatten([torch.full_like(p, p.grad is not None) for p in parameters]))
    merged_P = project_popular(gradients, owned)
    sizes = [parameter.numel() for parameter in parameters]
    for parameter, gradient in zip(parameters, merged_P.split(sizes), strict=True):
        parameter.grad = gradient.view_as(parameter)


def project_popular(gradients: list[Tensor], owned: list[Tensor]) -> Tensor:
    """Project the K flat gradients off each other: the mean where every task has one (`owned` is 1), else the sum."""
    projected, originals = [gradient_P.clone() for gradient_P in gradients], list(gradients)
    for projected_P in projected:
        random.shuffle(originals)
        for original_P in originals:
            inner = torch.dot(projected_P, original_P)
            if inner < 0:
                projected_P -= inner * original_P / original_P.norm() ** 2
    shared_P = torch.stack(owned).prod(dim=0).bool()
    merged_P = torch.zeros_like(gradients[0])
    merged_P[shared_P] = torch.stack([gradient_P[shared_P] for gradient_P in projected]).mean(dim=0)
    merged_P[~shared_P] = torch.stack([gradient_P[~shared_P] for gradient_P in projected]).sum(dim=0)
    return merged_P


def _copy_gradient(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()


def _flatten(tensors: list[Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])
