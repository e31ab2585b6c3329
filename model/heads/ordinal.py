"""One sentence to one of C ordered classes: CORAL; Cao, Mirjalili and Raschka 2020, section 3.

A sentence is one number g, and P(y > k) = sigmoid(g + b_k) for the thresholds k = 0 to C - 2. The loss sums the binary
cross entropies of y > k over k; predicted is the number of thresholds passed, those with P(y > k) > 1/2.

Where the biases fall with k so does P(y > k), and a class's probability is a difference of two. They fall where the
loss is least, as the paper proves; here they are sorted, which never raises the loss and predicts the same.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.heads import TaskShape
from model.heads._network import make_network

# Shape suffixes: n examples, D hidden, C classes, J = C - 1 thresholds.

LEAST_GAP = 1e-6  # between two thresholds that coincide: the class between them keeps a finite logarithm


class Head(nn.Module):
    """The 2-layer network with one output and no bias; at first its 0 is an equal chance for each class."""

    num_sentences = 1
    labels = "classes"

    def __init__(self, task: TaskShape, hidden_size: int, width: int, dropout: float) -> None:
        super().__init__()
        self.network = make_network(hidden_size, width, 1, dropout, bias=False)
        below_J = torch.arange(1, task.num_classes) / task.num_classes
        self.biases = nn.Parameter(-below_J.logit())

    def forward(self, pooled: tuple[Tensor, ...]) -> Tensor:
        """The logarithms of the class probabilities, n x C, from the n x D of the sentences."""
        (sentences_nD,) = pooled
        biases_J = self.biases.float().sort(descending=True, stable=True).values
        logits_nJ = self.network(sentences_nD).float() + biases_J
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a))
        gaps = (-torch.expm1(biases_J.diff() - LEAST_GAP)).log()
        above_nC = F.pad(F.logsigmoid(logits_nJ), (1, 0))
        below_nC = F.pad(F.logsigmoid(-logits_nJ), (0, 1))
        return above_nC + below_nC + F.pad(gaps, (1, 1))

    def loss(self, output: Tensor, labels_n: Tensor) -> Tensor:
        above_nJ, below_nJ = _pass(output)
        passed_nJ = labels_n[:, None] > torch.arange(output.shape[-1] - 1, device=output.device)
        return -torch.where(passed_nJ, above_nJ, below_nJ).sum(dim=-1).mean()

    def predict(self, output: Tensor) -> Tensor:
        """The number of thresholds passed, as a float: the distribution's median, which need not be likeliest."""
        above_nJ, below_nJ = _pass(output)
        return (above_nJ > below_nJ).sum(dim=-1).float()


def _pass(output: Tensor) -> tuple[Tensor, Tensor]:
    """The logarithms of P(y > k) and P(y <= k), n x J each, from those of the classes."""
    logs_nC = output.float()
    return logs_nC.flip(-1).logcumsumexp(dim=-1).flip(-1)[:, 1:], logs_nC.logcumsumexp(dim=-1)[:, :-1]
