"""Every regulariser by contract; R-Drop by the KL divergence written out."""

import math

import pytest
import torch

from model.heads import HEADS, TaskShape
from model.registry import find_option_faults
from model.regularisers import REGULARISERS

N, D = 6, 8
SHAPES = {"classify": TaskShape(1, 4), "pair_regression": TaskShape(2, None, (0, 5))}


def passes(kind: str, dropout: float) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    """A head and two of its outputs."""
    torch.manual_seed(0)
    head = HEADS[kind](SHAPES[kind], D, 16, dropout)
    pooled = tuple(3 * torch.randn(N, D) for _ in range(head.num_sentences))
    return head, head(pooled), head(pooled)


@pytest.mark.parametrize("name", REGULARISERS)
@pytest.mark.parametrize("kind", SHAPES)
def test_a_penalty_is_a_finite_number_that_can_be_differentiated(name, kind):
    head, first, second = passes(kind, 0.5)
    penalty = REGULARISERS[name](head, first, lambda: second)
    assert penalty.shape == () and penalty.dtype == torch.float32 and penalty.isfinite()
    penalty.backward()
    assert all(parameter.grad.isfinite().all() for parameter in head.parameters())
    assert any(parameter.grad.any() for parameter in head.parameters())
    assert find_option_faults(REGULARISERS[name], REGULARISERS[name].__kwdefaults__ or {}) == []


def test_r_drop_of_classes_is_the_symmetric_divergence():
    head, first, second = passes("classify", 0.5)
    total = 0.0
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        p, q = ([math.exp(x) / sum(map(math.exp, row)) for x in row] for row in (one, other))
        total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)) / 2
        total += sum(b * math.log(b / a) for a, b in zip(p, q, strict=True)) / 2
    for alpha in (1.0, 0.3):
        found = REGULARISERS.bind({"r_drop": {"alpha": alpha}})(head, first, lambda: second)
        assert found.item() == pytest.approx(alpha * total / N, rel=1e-5)
    assert REGULARISERS["r_drop"](head, first, lambda: second).item() == pytest.approx(total / N, rel=1e-5)


def test_r_drop_of_scores_is_the_squared_difference():
    head, first, second = passes("pair_regression", 0.5)
    expected = sum((a - b) ** 2 for a, b in zip(first.tolist(), second.tolist(), strict=True)) / N
    found = REGULARISERS.bind({"r_drop": {"alpha": 2.0}})(head, first, lambda: second)
    assert found.item() == pytest.approx(2 * expected, rel=1e-5)


@pytest.mark.parametrize("kind", SHAPES)
def test_r_drop_is_zero_where_the_passes_agree(kind):
    head, first, second = passes(kind, 0.0)
    assert REGULARISERS["r_drop"](head, first, lambda: second).item() == 0.0


def test_r_drop_refuses_a_negative_alpha():
    with pytest.raises(ValueError, match="option 'alpha' is -1.0; allowed: float, at least 0"):
        REGULARISERS.bind({"r_drop": {"alpha": -1.0}})
