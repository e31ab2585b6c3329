"""R-Drop: two passes with different dropout are to agree; Liang et al. 2021, equation 4.

The paper also averages the loss over both passes; here the loss stays that of the first one.
"""

from collections.abc import Callable
from typing import Annotated

import torch.nn.functional as F
from torch import Tensor, nn

from model.registry import Bounds

# Shape suffixes: n examples, C classes.


def penalty(
    head: nn.Module, output: Tensor, forward: Callable[[], Tensor], *, alpha: Annotated[float, Bounds(0)] = 1.0
) -> Tensor:
    """alpha times the symmetric KL divergence of the passes' classes, (KL(p, q) + KL(q, p)) / 2, mean over examples.

    Of scores, alpha times the mean squared difference.
    """
    first, second = output.float(), forward().float()
    if head.labels == "scores":
        return alpha * F.mse_loss(first, second)
    logs_nC = [first.log_softmax(-1), second.log_softmax(-1)]
    # sum p (log p - log q) + sum q (log q - log p), in one sum
    divergence_n = ((logs_nC[0].exp() - logs_nC[1].exp()) * (logs_nC[0] - logs_nC[1])).sum(-1)
    return alpha * divergence_n.mean() / 2
