"""Every regulariser by contract; R-Drop and contrast by their sums written out, SMART by finite differences."""

import math
import weakref
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from model.heads import HEADS, TaskShape
from model.registry import find_option_faults
from model.regularisers import REGULARISERS, Pass

N, D = 6, 8
SHAPES = {
    "classify": TaskShape(1, 4),
    "ordinal": TaskShape(1, 4),
    "pair_classify": TaskShape(2, 2),
    "pair_regression": TaskShape(2, None, (0, 5)),
    "score_distribution": TaskShape(2, None, (0, 5)),
}
LABELS = torch.tensor([1, 0, 1, 1, 0, 1])


def make_pass(kind: str, dropout: float = 0.0) -> Pass:
    """A head's output for random vectors; the noise is added to the vectors."""
    torch.manual_seed(0)
    head = HEADS[kind](SHAPES[kind], D, 16, dropout)
    vectors_BD = torch.randn(N * head.num_sentences, D).mul_(3).requires_grad_()

    def forward(vectors_BD: torch.Tensor = vectors_BD) -> torch.Tensor:
        return head(vectors_BD.chunk(head.num_sentences))

    def disturb(noise_BD: torch.Tensor) -> torch.Tensor:
        return forward(vectors_BD + noise_BD)

    pooled = vectors_BD.chunk(head.num_sentences)
    again: Callable[[], torch.Tensor] = forward
    if dropout:
        second = forward()
        again = lambda: second  # noqa: E731
    return Pass(head, pooled, forward(), LABELS, again, disturb, (len(vectors_BD), D))


@pytest.mark.parametrize("name", REGULARISERS)
def test_a_penalty_is_a_finite_number_that_can_be_differentiated_or_0(name):
    reached = []
    for kind in SHAPES:
        first = make_pass(kind, 0.5)
        penalty = REGULARISERS[name](first)
        assert penalty.shape == () and penalty.dtype == torch.float32 and penalty.isfinite()
        if not penalty.requires_grad:
            assert penalty.item() == 0.0
            continue
        leaves = [first.pooled[0]._base, *first.head.parameters()]
        gradients = torch.autograd.grad(penalty, leaves, allow_unused=True)
        gradients = [gradient for gradient in gradients if gradient is not None]
        assert all(gradient.isfinite().all() for gradient in gradients)
        reached.append(any(gradient.any() for gradient in gradients))
    assert reached and all(reached)
    assert find_option_faults(REGULARISERS[name], REGULARISERS[name].__kwdefaults__ or {}) == []


def divergence(first: torch.Tensor, second: torch.Tensor) -> float:
    """KL(p, q) + KL(q, p), mean over examples, by plain sums."""
    total = 0.0
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        p, q = ([math.exp(x) / sum(map(math.exp, row)) for x in row] for row in (one, other))
        total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
        total += sum(b * math.log(b / a) for a, b in zip(p, q, strict=True))
    return total / len(first)


def test_r_drop_of_classes_is_the_symmetric_divergence():
    first = make_pass("classify", 0.5)
    expected = divergence(first.output, first.again()) / 2
    for alpha in (1.0, 0.3):
        found = REGULARISERS.bind({"r_drop": {"alpha": alpha}})(first)
        assert found.item() == pytest.approx(alpha * expected, rel=1e-5)
    assert REGULARISERS["r_drop"](first).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["pair_regression", "score_distribution"])
def test_r_drop_of_scores_is_the_squared_difference(kind):
    first = make_pass(kind, 0.5)
    scores = (first.head.predict(output).tolist() for output in (first.output, first.again()))
    expected = sum((a - b) ** 2 for a, b in zip(*scores, strict=True)) / N
    found = REGULARISERS.bind({"r_drop": {"alpha": 2.0}})(first)
    assert found.item() == pytest.approx(2 * expected, rel=1e-5)


@pytest.mark.parametrize("kind", SHAPES)
def test_r_drop_is_zero_where_the_passes_agree(kind):
    assert REGULARISERS["r_drop"](make_pass(kind)).item() == 0.0


def test_r_drop_refuses_a_negative_alpha():
    with pytest.raises(ValueError, match="option 'alpha' is -1.0; allowed: float, at least 0"):
        REGULARISERS.bind({"r_drop": {"alpha": -1.0}})


SMART = {"alpha": 3.0, "epsilon": 0.05, "sigma": 0.02, "step_size": 0.04, "num_steps": 2}


@pytest.mark.parametrize("kind", ["classify", "pair_classify", "pair_regression"])  # others are fp32 whatever comes in
def test_smarts_noise_goes_up_the_divergence_and_stays_in_its_box(kind):
    """Two steps of ascent by central differences in fp64, then the divergence by plain sums."""
    torch.manual_seed(1)
    first = make_pass(kind)
    given, disturb = [], first.disturb
    torch.manual_seed(2)
    noise_BD = 0.02 * torch.randn(first.noise_shape).double()
    first.head.double()
    vectors_BD = first.pooled[0]._base.detach().double()

    def measure(noise_BD: torch.Tensor) -> float:
        with torch.no_grad():
            clean, noisy = (first.head(each.chunk(first.head.num_sentences)) for each in
                            (vectors_BD, vectors_BD + noise_BD))  # fmt: skip
        return (clean - noisy).square().mean().item() if clean.dim() == 1 else divergence(clean, noisy)

    for _ in range(2):
        gradient_BD = torch.zeros_like(noise_BD)
        for place in range(noise_BD.numel()):
            sides = []
            for sign in (1, -1):
                moved_BD = noise_BD.clone()
                moved_BD.view(-1)[place] += sign * 1e-6
                sides.append(measure(moved_BD))
            gradient_BD.view(-1)[place] = sides[0] - sides[1]
        for row in range(len(noise_BD)):
            step_D = 0.04 * gradient_BD[row] / gradient_BD[row].abs().max()
            noise_BD[row] = torch.tensor([max(-0.05, min(0.05, x)) for x in (noise_BD[row] + step_D).tolist()])
    expected = 3.0 * measure(noise_BD)
    first.head.float()
    watched = replace(first, disturb=lambda noise: given.append(noise.detach().clone()) or disturb(noise))
    torch.manual_seed(2)
    found = REGULARISERS.bind({"smart": SMART})(watched)
    assert len(given) == 3
    torch.testing.assert_close(given[-1].double(), noise_BD, rtol=0, atol=1e-3)
    assert (given[-1].abs() == 0.05).any() and (given[-1].abs() < 0.05).any()
    assert found.item() == pytest.approx(expected, rel=1e-3)


def test_smart_leaves_no_gradient_behind_and_frees_its_graphs():
    first = make_pass("classify")
    passes, disturb = [], first.disturb

    def watch(noise):
        output = disturb(noise)
        passes.append(weakref.ref(output))
        return output

    penalty = REGULARISERS.bind({"smart": {"num_steps": 3, "epsilon": 0.1}})(replace(first, disturb=watch))
    assert [one() is None for one in passes] == [True] * 4  # the last one's graph lives on in the penalty
    assert all(parameter.grad is None for parameter in first.head.parameters())
    weight = next(first.head.parameters())
    (gradient,) = torch.autograd.grad(penalty, weight)
    assert gradient.any()


def test_smart_of_an_output_that_no_noise_moves_is_zero():
    first = make_pass("classify")
    for parameter in first.head.parameters():
        parameter.data.zero_()
    assert REGULARISERS["smart"](replace(first, output=first.again())).item() == 0.0


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_contrast_is_the_cross_entropy_among_the_batchs_duplicates(temperature):
    first = make_pass("pair_classify")
    u, v = ([row for row, label in zip(each.tolist(), LABELS.tolist(), strict=True) if label] for each in first.pooled)

    def score(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b) / temperature

    total = 0.0
    for i in range(4):
        total += math.log(sum(math.exp(score(u[i], v[j])) for j in range(4))) - score(u[i], v[i])
        total += math.log(sum(math.exp(score(u[j], v[i])) for j in range(4))) - score(u[i], v[i])
    found = REGULARISERS.bind({"contrastive": {"alpha": 0.5, "temperature": temperature}})(first)
    assert found.item() == pytest.approx(0.5 * total / 8, rel=1e-5)


def test_contrast_draws_duplicates_together():
    first = make_pass("pair_classify")
    vectors_BD = first.pooled[0]._base
    (gradient_BD,) = torch.autograd.grad(REGULARISERS["contrastive"](first), vectors_BD)
    assert gradient_BD.view(2, N, D).abs().sum((0, 2)).gt(0).tolist() == LABELS.bool().tolist()
    moved_BD = (vectors_BD - 0.01 * gradient_BD).chunk(2)
    assert REGULARISERS["contrastive"](replace(first, pooled=moved_BD)) < REGULARISERS["contrastive"](first)


@pytest.mark.parametrize("labels", [[0] * N, [0, 0, 1, 0, 0, 0]])
def test_contrast_of_fewer_than_two_duplicates_is_zero(labels):
    first = replace(make_pass("pair_classify"), labels_n=torch.tensor(labels))
    assert REGULARISERS["contrastive"](first).item() == 0.0


def test_contrast_is_about_pairs_of_two_classes_alone():
    for kind in ("classify", "pair_regression"):
        assert REGULARISERS["contrastive"](make_pass(kind)).item() == 0.0
    first = make_pass("pair_classify")
    assert REGULARISERS["contrastive"](replace(first, pooled=first.pooled[:1])).item() == 0.0
    assert REGULARISERS["contrastive"](replace(first, output=torch.zeros(N, 3))).item() == 0.0
