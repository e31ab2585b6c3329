"""The tasks' gradients of the shared parameters, side by side, and their combination in place."""

import math
from itertools import combinations, combinations_with_replacement

import torch
from torch import Tensor, nn

# Shape suffixes: K tasks, P numbers of the dense shared parameters, U rows that a task's batch touches, D hidden.


class TaskGradients:
    """The gradient of every task: a row of a K x P buffer, and of the word embeddings the rows that its batch touches.

    A step is `backward(k, loss)` for each of its tasks, k from 0, `gramian()`, `combine_(weights)`. It may have fewer
    tasks than there are rows: K is the number of its tasks. Between the first and the second of them the first rows of
    `flat_KP` and `rows_K` hold each task's whole gradient: what several ranks add up (pipeline/training/ranks.py).
    """

    def __init__(self, shared: list[nn.Parameter], num_tasks: int, embedding: nn.Embedding | None = None) -> None:
        """`embedding` is one whose weight, among `shared`, gets its gradient as the rows that a batch touches."""
        if not shared or num_tasks < 1:
            raise ValueError(f"{len(shared)} shared parameters, {num_tasks} tasks: at least 1 of each is needed")
        if any(parameter.dtype != torch.float32 for parameter in shared):
            raise ValueError("shared parameters must be float32")
        self.sparse = None
        if embedding is not None:
            embedding.sparse, self.sparse = True, embedding.weight
        self.dense = [parameter for parameter in shared if parameter is not self.sparse]
        sizes = [parameter.numel() for parameter in self.dense]
        self.flat_KP = torch.zeros(num_tasks, sum(sizes), device=shared[0].device)
        self.rows_K: list[Tensor] = [torch.empty(0)] * num_tasks  # sparse, coalesced, U x D each
        # Where the gradients of task k are written, if its forward pass is told so (`kernels.FixedWeights`).
        self.slots = [
            {
                parameter: flat.view_as(parameter)
                for flat, parameter in zip(flat_P.split(sizes), self.dense, strict=True)
            }
            for flat_P in self.flat_KP
        ]
        # A step fills the rows that it touches and the next one empties them: no step passes over the vocabulary.
        self._sparse_grad = None if self.sparse is None else torch.zeros_like(self.sparse)
        self._filled: list[Tensor] = []
        self._done: set[int] = set()  # tasks whose gradient of this step is here

    def backward(self, k: int, loss: Tensor | None, adds: bool = False) -> None:
        """Put the gradient of task k's loss into row k; parameters that are not shared accumulate in their own grad.

        With `adds` it is added to that of the call before, which was task k's too. A parameter that requires no
        gradient has one of 0; all have without a loss, where another rank has the task's examples.
        """
        for parameter in () if adds else self.dense:
            parameter.grad = None
        if self.sparse is not None and not adds:
            self.sparse.grad = None
        if loss is not None:
            loss.backward()
        for parameter, slot in self.slots[k].items():
            if parameter.grad is None or not parameter.requires_grad:
                slot.zero_()
            elif parameter.grad.data_ptr() != slot.data_ptr():  # it came by way of autograd
                slot.copy_(parameter.grad)
            parameter.grad = slot
        if self.sparse is not None:
            if (rows_UD := self.sparse.grad) is None:  # it has none: U = 0
                nowhere, nothing_UD = self._sparse_grad.new_empty(1, 0, dtype=torch.int64), self._sparse_grad[:0]
                rows_UD = torch.sparse_coo_tensor(nowhere, nothing_UD, self.sparse.shape, check_invariants=True)
            self.rows_K[k] = rows_UD.coalesce()
        self._done.add(k)

    def gramian(self) -> Tensor:
        """The inner products K x K of the tasks' gradients, fp32, on the CPU."""
        num_tasks = self._count_tasks()
        gramian_KK = torch.empty(num_tasks, num_tasks)
        # Dot products, not one matmul: whatever precision matmul is set to (TF32, autocast), they stay in fp32, and
        # for a few rows of millions of numbers they take half of its time.
        for i, j in combinations_with_replacement(range(num_tasks), 2):
            inner = self.flat_KP[i].dot(self.flat_KP[j])
            if self.sparse is not None:
                inner += _inner_product(self.rows_K[i], self.rows_K[j])
            gramian_KK[i, j] = gramian_KK[j, i] = inner
        return gramian_KK

    def combine_(self, weights_K: Tensor) -> None:
        """Leave the weighted sum of the tasks' gradients as the shared parameters' own; row 0 is used up for it."""
        assert len(weights_K) == self._count_tasks()
        first, *others = weights_K.tolist()
        combined_P = self.flat_KP[0].mul_(first)
        for k, weight in enumerate(others, start=1):
            combined_P.add_(self.flat_KP[k], alpha=weight)
        for parameter, slot in self.slots[0].items():
            parameter.grad = slot
        if self.sparse is not None:
            self._combine_rows_(weights_K.tolist())
        self._done.clear()

    def _combine_rows_(self, weights: list[float]) -> None:
        for filled_U in self._filled:
            self._sparse_grad.index_fill_(0, filled_U, 0.0)
        rows_K = self.rows_K[: len(weights)]
        self._filled = [rows_UD.indices()[0] for rows_UD in rows_K]
        for weight, filled_U, rows_UD in zip(weights, self._filled, rows_K, strict=True):
            self._sparse_grad.index_add_(0, filled_U, rows_UD.values(), alpha=weight)
        self.sparse.grad = self._sparse_grad

    def _count_tasks(self) -> int:
        missing = set(range(max(self._done, default=0) + 1)) - self._done
        assert not missing, f"no backward of tasks {sorted(missing)} in this step"
        return len(self._done)


def _inner_product(left_UD: Tensor, right_UD: Tensor) -> Tensor:
    """Of two coalesced sparse gradients: over the rows that both have."""
    left_U, right_U = left_UD.indices()[0], right_UD.indices()[0]
    places_U = torch.searchsorted(right_U, left_U).clamp_(max=len(right_U) - 1)
    both_U = right_U[places_U] == left_U
    return (left_UD.values()[both_U] * right_UD.values()[places_U[both_U]]).sum()


def cosines(gramian_KK: Tensor) -> dict[tuple[int, int], float]:
    """The cosine of every pair of gradients i < j; 0 where one of the two is 0."""
    inner = gramian_KK.tolist()
    result = {}
    for i, j in combinations(range(len(inner)), 2):
        norms = math.sqrt(inner[i][i]) * math.sqrt(inner[j][j])
        result[i, j] = inner[i][j] / norms if norms > 0 else 0.0
    return result
