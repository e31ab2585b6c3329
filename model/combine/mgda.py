"""The shortest convex combination of the gradients: MGDA, Sener and Koltun 2018, equation 3 (Desideri 2012).

Along it all tasks' losses fall, at the same rate where their weights are not 0. Of gradients of very different norms it
is near the shortest of them, and 0 where one is 0.
"""

import torch
from torch import Tensor

from model.combine._quadratic import shortest, split

# Shape suffixes: K tasks.


def combine(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
) -> Tensor:
    """Weights >= 0 with sum 1, exact: no iterations of Frank and Wolfe."""
    return torch.from_numpy(shortest(*split(gramian_KK))).to(gramian_KK.dtype)
