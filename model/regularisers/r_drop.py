"""R-Drop: two passes with different dropout are to agree; Liang et al. 2021, equation 4.

The paper also averages the loss over both passes; here the loss stays that of the first one.
"""

from typing import Annotated

from torch import Tensor

from model.registry import Bounds
from model.regularisers import Pass
from model.regularisers._divergence import diverge


def penalty(first: Pass, *, alpha: Annotated[float, Bounds(0)] = 1.0) -> Tensor:
    """alpha times the symmetric KL divergence of the passes' classes, (KL(p, q) + KL(q, p)) / 2, mean over examples.

    Of scores, alpha times the mean squared difference.
    """
    divergence = alpha * diverge(first.head, first.output, first.again())
    return divergence if first.head.labels == "scores" else divergence / 2
