"""The gradients' principal components brought to the length of the shortest: Senushkin and others 2023, algorithm 1.

With the Gramian's eigenvalues l_r > 0 and eigenvectors v_r, w = sqrt(l_min) sum_r v_r (v_r . 1/K) / sqrt(l_r).
"""

import torch
from torch import Tensor

# Shape suffixes: K tasks, R eigenvalues above rounding.


def combine(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
) -> Tensor:
    """The aligned gradients' mean. A component below the Gramian's rounding is left out; without any, w is 1/K."""
    if not gramian_KK.isfinite().all():
        raise FloatingPointError("a task's gradient is not finite: a lower learning rate may help")
    values_K, vectors_KK = torch.linalg.eigh(gramian_KK.double())
    mean_K = torch.full_like(values_K, 1 / len(values_K))
    above_K = values_K > values_K[-1] * len(values_K) * torch.finfo(gramian_KK.dtype).eps
    if not above_K.any():
        return mean_K.to(gramian_KK.dtype)
    values_R, vectors_KR = values_K[above_K], vectors_KK[:, above_K]
    weights_K = vectors_KR @ (vectors_KR.T @ mean_K * (values_R[0] / values_R).sqrt())
    return weights_K.to(gramian_KK.dtype)
