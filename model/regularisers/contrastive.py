"""Contrast within a batch: a duplicate is to be told from the others' partners; Henderson et al. 2017, section 4.4.

With the cosine over a temperature, and its value, of Gao et al. 2021 (SimCSE). It is about tasks of sentence pairs and
two classes, of which 1 are duplicates, whose head is given a vector of each sentence; of other tasks it is 0. A text
that occurs in two duplicates of a batch counts against itself, as in both papers. Under a frozen encoder it trains
nothing.
"""

from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from model.registry import Bounds
from model.regularisers import Pass

# Shape suffixes: n examples, m duplicates among them, D hidden.


def penalty(
    first: Pass, *, alpha: Annotated[float, Bounds(0)] = 1.0, temperature: Annotated[float, Bounds(0.001)] = 0.05
) -> Tensor:
    """alpha times the cross entropy of finding v_i by u_i, and u_i by v_i, among those of all duplicates of the batch.

    The mean over the duplicates and both directions; 0 where there are fewer than two.
    """
    output, labels_n = first.output, first.labels_n
    about = first.head.labels == "classes" and len(first.pooled) == 2 and output.shape[-1] == 2
    if not about or (labels_n == 1).sum() < 2:
        return output.new_zeros((), dtype=torch.float32)
    first_mD, second_mD = (F.normalize(vectors_nD[labels_n == 1].float(), dim=-1) for vectors_nD in first.pooled)
    scores_mm = first_mD @ second_mD.t() / temperature
    partners_m = torch.arange(len(scores_mm), device=scores_mm.device)
    return alpha * (F.cross_entropy(scores_mm, partners_m) + F.cross_entropy(scores_mm.t(), partners_m)) / 2
