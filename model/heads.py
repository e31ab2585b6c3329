"""Task heads: a 2-layer network on sentence vectors, with the loss it is trained on and the prediction it makes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Shape suffixes: n examples, D hidden, C classes.

# The STS benchmark's scores go from 0 to 5 (Cer et al. 2017).
MAX_SIMILARITY = 5.0


class Classify(nn.Module):
    """One sentence to one of C classes, by cross entropy."""

    sentences_per_example = 1
    is_regression = False  # labels are classes

    def __init__(self, hidden_size: int, width: int, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.network = _network(hidden_size, width, num_classes, dropout)

    def forward(self, pooled: tuple[Tensor, ...]) -> Tensor:
        """Logits n x C from the n x D of the sentences."""
        (sentences_nD,) = pooled
        return self.network(sentences_nD)

    def loss(self, output: Tensor, labels_n: Tensor) -> Tensor:
        return F.cross_entropy(output.float(), labels_n.long())

    def predict(self, output: Tensor) -> Tensor:
        """The likeliest class of each example, as a float."""
        return output.argmax(dim=-1).float()


class PairClassify(nn.Module):
    """Two sentences, each encoded alone, to one of C classes, by cross entropy."""

    sentences_per_example = 2
    is_regression = False  # labels are classes

    def __init__(self, hidden_size: int, width: int, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.network = _network(2 * hidden_size, width, num_classes, dropout)

    def forward(self, pooled: tuple[Tensor, ...]) -> Tensor:
        """Logits n x C from the two n x D, concatenated."""
        first_nD, second_nD = pooled
        return self.network(torch.cat([first_nD, second_nD], dim=-1))

    def loss(self, output: Tensor, labels_n: Tensor) -> Tensor:
        return F.cross_entropy(output.float(), labels_n.long())

    def predict(self, output: Tensor) -> Tensor:
        """The likeliest class of each example, as a float."""
        return output.argmax(dim=-1).float()


class CosineSimilarity(nn.Module):
    """Two sentences to a similarity, by squared error: 5 times the cosine of what the network makes of each.

    A score lies between -5 and 5: the cosine is not clipped at 0, where its gradient would vanish.
    """

    sentences_per_example = 2
    is_regression = True  # labels are scores

    def __init__(self, hidden_size: int, width: int, num_classes: None, dropout: float) -> None:
        super().__init__()
        self.network = _network(hidden_size, width, width, dropout)

    def forward(self, pooled: tuple[Tensor, ...]) -> Tensor:
        """Scores n from the two n x D."""
        first_nD, second_nD = pooled
        return MAX_SIMILARITY * F.cosine_similarity(self.network(first_nD).float(), self.network(second_nD).float())

    def loss(self, output: Tensor, labels_n: Tensor) -> Tensor:
        return F.mse_loss(output.float(), labels_n.float())

    def predict(self, output: Tensor) -> Tensor:
        return output.float()


class PairRegression(nn.Module):
    """Two sentences to a number, by squared error, without a cosine (the paper's iteration 1)."""

    sentences_per_example = 2
    is_regression = True  # labels are scores

    def __init__(self, hidden_size: int, width: int, num_classes: None, dropout: float) -> None:
        super().__init__()
        self.network = _network(2 * hidden_size, width, 1, dropout)

    def forward(self, pooled: tuple[Tensor, ...]) -> Tensor:
        """Scores n from the two n x D, concatenated."""
        first_nD, second_nD = pooled
        return self.network(torch.cat([first_nD, second_nD], dim=-1)).squeeze(-1)

    def loss(self, output: Tensor, labels_n: Tensor) -> Tensor:
        return F.mse_loss(output.float(), labels_n.float())

    def predict(self, output: Tensor) -> Tensor:
        return output.float()


# A new kind of head is a class like these and a line here; the tests run over this table. Every class is
# called as Head(hidden_size, width, num_classes, dropout); a regression has no classes: num_classes is None.
HEADS = {
    "classify": Classify,
    "pair_classify": PairClassify,
    "cosine_similarity": CosineSimilarity,
    "pair_regression": PairRegression,
}


def _network(input_size: int, width: int, output_size: int, dropout: float) -> nn.Sequential:
    """The 2-layer network of every head, initialised as torch initialises `nn.Linear`."""
    return nn.Sequential(
        nn.Dropout(dropout),
        nn.Linear(input_size, width),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(width, output_size),
    )
