"""The tasks' gradients of the shared parameters, side by side in one buffer, and their combination in place."""

import math
from itertools import combinations

import torch
from torch import Tensor, nn

# Shape suffixes: K tasks, P shared parameters (numbers, not tensors).


class TaskGradients:
    """A K x P buffer whose rows the shared parameters' `.grad` are views of.

    A step is `backward(k, loss)` for every task, `gramian()`, `combine_(weights)`. Between the second and the third
    of them `flat_KP` holds each task's whole gradient: what several ranks would all-reduce.
    """

    def __init__(self, shared: list[nn.Parameter], num_tasks: int) -> None:
        if not shared or num_tasks < 1:
            raise ValueError(f"{len(shared)} shared parameters, {num_tasks} tasks: at least 1 of each is needed")
        if any(parameter.dtype != torch.float32 for parameter in shared):
            raise ValueError("shared parameters must be float32")
        self.shared = shared
        sizes = [parameter.numel() for parameter in shared]
        self.flat_KP = torch.zeros(num_tasks, sum(sizes), device=shared[0].device)
        self._views = [
            [flat.view_as(parameter) for flat, parameter in zip(flat_P.split(sizes), shared, strict=True)]
            for flat_P in self.flat_KP
        ]
        self._done: set[int] = set()  # tasks whose gradient of this step is in the buffer

    def backward(self, k: int, loss: Tensor) -> None:
        """Put the gradient of task k's loss into row k; parameters that are not shared accumulate in their own grad."""
        self.flat_KP[k].zero_()
        self._point_grads_at(k)  # autograd adds in place to a grad that is there
        loss.backward()
        self._done.add(k)

    def gramian(self) -> Tensor:
        """The inner products K x K of the tasks' gradients, fp32, on the CPU."""
        self._check_complete()
        num_tasks = len(self.flat_KP)
        gramian_KK = torch.empty(num_tasks, num_tasks)
        # Dot products, not one matmul: whatever precision matmul is set to (TF32, autocast), they stay in fp32.
        rows, columns = torch.triu_indices(num_tasks, num_tasks)
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        inner = torch.stack([self.flat_KP[i].dot(self.flat_KP[j]) for i, j in pairs]).cpu()
        gramian_KK[rows, columns] = inner
        gramian_KK[columns, rows] = inner
        return gramian_KK

    def combine_(self, weights_K: Tensor) -> None:
        """Leave the weighted sum of the rows as the shared parameters' gradient; row 0 is used up for it."""
        self._check_complete()
        first, *others = weights_K.tolist()
        combined_P = self.flat_KP[0].mul_(first)
        for k, weight in enumerate(others, start=1):
            combined_P.add_(self.flat_KP[k], alpha=weight)
        self._point_grads_at(0)
        self._done.clear()

    def _point_grads_at(self, k: int) -> None:
        for parameter, view in zip(self.shared, self._views[k], strict=True):
            parameter.grad = view

    def _check_complete(self) -> None:
        missing = set(range(len(self.flat_KP))) - self._done
        assert not missing, f"no backward of tasks {sorted(missing)} in this step"


def cosines(gramian_KK: Tensor) -> dict[tuple[int, int], float]:
    """The cosine of every pair of gradients i < j; 0 where one of the two is 0."""
    inner = gramian_KK.tolist()
    result = {}
    for i, j in combinations(range(len(inner)), 2):
        norms = math.sqrt(inner[i][i]) * math.sqrt(inner[j][j])
        result[i, j] = inner[i][j] / norms if norms > 0 else 0.0
    return result
