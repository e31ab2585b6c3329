"""How far two outputs of a head for the same examples are apart."""

import torch.nn.functional as F
from torch import Tensor, nn

# Shape suffixes: n examples, C classes.


def diverge(head: nn.Module, first: Tensor, second: Tensor) -> Tensor:
    """The symmetric divergence KL(p, q) + KL(q, p) of the classes' probabilities p and q, mean over examples.

    Of scores, the mean squared difference.
    """
    if head.labels == "scores":
        return F.mse_loss(head.predict(first), head.predict(second))
    logs_nC = [output.float().log_softmax(-1) for output in (first, second)]
    # sum p (log p - log q) + sum q (log q - log p), in one sum
    return ((logs_nC[0].exp() - logs_nC[1].exp()) * (logs_nC[0] - logs_nC[1])).sum(-1).mean()
