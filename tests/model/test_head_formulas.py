"""Each kind of head: its output, loss and prediction against its formula, written out."""

import math

import pytest
import torch
from scipy.stats import entropy

from model.heads import HEADS, TaskShape
from tests.model.test_heads import NUM_CLASSES, WIDTH, D, N, build, toy_batch


def linears(head: torch.nn.Module) -> list[torch.nn.Linear]:
    return [module for module in head.modules() if isinstance(module, torch.nn.Linear)]


def by_hand(head: torch.nn.Module, input_nI: torch.Tensor) -> torch.Tensor:
    first, second = linears(head)
    return (input_nI @ first.weight.T + first.bias).clamp(min=0) @ second.weight.T + second.bias


@pytest.mark.parametrize("name", ["classify", "pair_classify", "joined_classify"])
def test_classification_by_hand(name):
    head = build(name)
    pooled, labels_n = toy_batch(head)
    logits_nC = by_hand(head, torch.cat(pooled, dim=1))
    output = head(pooled)
    torch.testing.assert_close(output, logits_nC)
    probabilities_nC = logits_nC.exp() / logits_nC.exp().sum(dim=1, keepdim=True)
    right_n = probabilities_nC[torch.arange(N), labels_n.long()]
    torch.testing.assert_close(head.loss(output, labels_n), -right_n.log().mean())
    assert head.predict(output).tolist() == [float(row.index(max(row))) for row in logits_nC.tolist()]


@pytest.mark.parametrize(("low", "high"), [(0, 5), (0, 1), (-1.0, 1.0), (1, 5)])
def test_cosine_similarity_by_hand(low, high):
    head = build("cosine_similarity", label_range=(low, high))
    pooled, labels_n = toy_batch(head)
    first, second = (by_hand(head, vector_nD) for vector_nD in pooled)
    scores_n = low + (high - low) * (first * second).sum(dim=1) / (first.norm(dim=1) * second.norm(dim=1))
    output = head(pooled)
    torch.testing.assert_close(output, scores_n)
    torch.testing.assert_close(head.loss(output, labels_n), ((scores_n - labels_n) ** 2).mean())
    assert torch.equal(head.predict(output), output)
    torch.testing.assert_close(head((pooled[0], pooled[0])), torch.full((N,), float(high)))


def test_raw_cosine_by_hand():
    """It begins on the task's range, where the same sentence twice has the highest score; its line is learned."""
    head = build("raw_cosine", dropout=0.5, label_range=(1, 5))
    (first, second), labels_n = toy_batch(head)
    cosines_n = (first * second).sum(dim=1) / (first.norm(dim=1) * second.norm(dim=1))
    torch.testing.assert_close(head((first, second)), 1 + 4 * cosines_n)
    torch.testing.assert_close(head((first, first)), torch.full((N,), 5.0))
    with torch.no_grad():
        head.intercept.fill_(2.0)
        head.slope.fill_(3.0)
    output = head((first, second))
    torch.testing.assert_close(output, 2 + 3 * cosines_n)
    torch.testing.assert_close(head.loss(output, labels_n), ((output - labels_n) ** 2).mean())
    assert torch.equal(head.predict(output), output)


@pytest.mark.parametrize("name", ["cosine_similarity", "raw_cosine", "score_distribution"])
def test_a_scale_without_a_range_is_an_error(name):
    with pytest.raises(ValueError, match=f"{name} needs the task's label_range"):
        HEADS[name](TaskShape(2, None), D, WIDTH, 0.0)


@pytest.mark.parametrize("name", ["pair_regression", "joined_regression"])
def test_regression_by_hand(name):
    head = build(name)
    pooled, labels_n = toy_batch(head)
    scores_n = by_hand(head, torch.cat(pooled, dim=1))[:, 0]
    output = head(pooled)
    torch.testing.assert_close(output, scores_n)
    torch.testing.assert_close(head.loss(output, labels_n), ((scores_n - labels_n) ** 2).mean())
    assert torch.equal(head.predict(output), output)


def test_heads_on_the_pair_layer_are_a_linear_map():
    for name in ("shared_pair_classify", "shared_pair_regression"):
        head = build(name)
        (pairs_nW,), labels_n = toy_batch(head)
        (linear,) = linears(head)
        expected = (pairs_nW @ linear.weight.T + linear.bias).squeeze(-1)
        output = head((pairs_nW,))
        torch.testing.assert_close(output, expected)
        if head.labels == "classes":
            loss, predictions_n = -expected.log_softmax(1)[torch.arange(N), labels_n.long()].mean(), expected.argmax(1)
        else:
            loss, predictions_n = (expected - labels_n).square().mean(), expected
        torch.testing.assert_close(head.loss(output, labels_n), loss)
        torch.testing.assert_close(head.predict(output), predictions_n.float())


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
@pytest.mark.parametrize("name", ["classify", "pair_classify"])
def test_label_smoothing_mixes_the_label_with_all_classes(name, smoothing):
    head = build(name, options={"label_smoothing": smoothing})
    pooled, labels_n = toy_batch(head)
    logs_nC = head(pooled).log_softmax(dim=1)
    target_nC = torch.full((N, NUM_CLASSES), smoothing / NUM_CLASSES)
    target_nC[torch.arange(N), labels_n.long()] += 1 - smoothing
    torch.testing.assert_close(head.loss(head(pooled), labels_n), -(target_nC * logs_nC).sum(dim=1).mean())
    assert torch.equal(head(pooled), build(name)(pooled)), "the loss alone is another"
    with pytest.raises(ValueError, match="label_smoothing"):
        build(name, options={"label_smoothing": 1.0})


@pytest.mark.parametrize("name", ["pair_classify", "pair_regression"])
def test_compare_adds_distance_and_product(name):
    head = build(name, options={"compare": True})
    pooled, _ = toy_batch(head)
    first, second = pooled
    features = torch.cat(
        [first, second, torch.maximum(first, second) - torch.minimum(first, second), first * second], 1
    )
    torch.testing.assert_close(head(pooled).view(N, -1), by_hand(head, features))


def ordinal(biases: list[float]) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A head with these biases; its output, the numbers g of the sentences, and labels."""
    head = build("ordinal", num_classes=len(biases) + 1)
    head.biases.data = torch.tensor(biases)
    pooled, labels_n = toy_batch(head)
    first, second = linears(head)
    scores_n = ((4 * pooled[0] @ first.weight.T + first.bias).clamp(min=0) @ second.weight.T)[:, 0]
    return head, head((4 * pooled[0],)), scores_n, labels_n % (len(biases) + 1)


BIASES = [[0.3], [1.5, -0.2], [2.0, 1.0, -0.5, -0.6]]


@pytest.mark.parametrize("biases", BIASES)
def test_ordinal_is_corals_formula_threshold_by_threshold(biases):
    head, output, scores_n, labels_n = ordinal(biases)
    total, passed_n = 0.0, torch.zeros(N)
    for k, bias in enumerate(biases):
        probability_n = 1 / (1 + torch.exp(-(scores_n + bias)))
        above_n = (labels_n > k).float()
        total = total - (above_n * probability_n.log() + (1 - above_n) * (1 - probability_n).log()).sum() / N
        passed_n += probability_n > 0.5
        torch.testing.assert_close(output.softmax(dim=1)[:, k + 1 :].sum(dim=1), probability_n, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(head.loss(output, labels_n), total, atol=1e-5, rtol=1e-4)
    assert torch.equal(head.predict(output), passed_n) and len(set(passed_n.tolist())) > 1


def test_ordinals_prediction_need_not_be_the_likeliest_class():
    _, output, _, _ = ordinal(BIASES[-1])
    head = build("ordinal", num_classes=5)
    assert not torch.equal(head.predict(output), output.argmax(dim=1).float())
    two_humps = torch.tensor([[0.4, 0.0, 0.15, 0.0, 0.45]]).log()
    assert head.predict(two_humps).item() == 2.0


def test_ordinals_gradient_is_corals():
    """Also of biases that lie next to each other, whose class has hardly any probability."""
    for biases in ([1.0, 0.2, -0.7], [0.5, 0.5 - 1e-4, 0.1], [0.5, 0.5, 0.5]):
        head, output, scores_n, labels_n = ordinal(biases)
        head.loss(output, labels_n).backward()
        leaf = torch.tensor(biases, requires_grad=True)
        targets = (labels_n[:, None] > torch.arange(3)).float()
        logits = scores_n.detach()[:, None] + leaf
        torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum").div(N).backward()
        torch.testing.assert_close(head.biases.grad, leaf.grad, atol=1e-3, rtol=1e-3)


def test_ordinals_sorting_keeps_the_prediction_and_raises_no_loss():
    biases = [-0.5, 2.0, 1.0, -0.6]
    head, output, scores_n, labels_n = ordinal(biases)
    assert torch.equal(output, ordinal(sorted(biases, reverse=True))[1]) and output.isfinite().all()
    logits = scores_n[:, None] + torch.tensor(biases)
    assert torch.equal(head.predict(output), (logits > 0).sum(dim=1).float())
    targets = (labels_n[:, None] > torch.arange(4)).float()
    unsorted = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / N
    assert head.loss(output, labels_n) < unsorted


def test_ordinal_begins_with_equal_chances():
    for num_classes in (2, 3, 5):
        head = build("ordinal", num_classes=num_classes)
        assert head.biases.tolist() == sorted(head.biases.tolist(), reverse=True)
        linears(head)[1].weight.data.zero_()
        found = head((torch.ones(1, D),)).softmax(dim=1)
        torch.testing.assert_close(found, torch.full((1, num_classes), 1 / num_classes), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("low", "high"), [(0, 5), (-1.0, 1.0), (0.5, 2.5)])
def test_score_distribution_by_hand(low, high):
    head = build("score_distribution", label_range=(low, high))
    pooled, _ = toy_batch(head)
    labels = torch.linspace(low, high, N)
    output = head(pooled)
    torch.testing.assert_close(
        output, by_hand(head, torch.cat([(pooled[0] - pooled[1]).abs(), pooled[0] * pooled[1]], 1))
    )
    levels = range(math.floor(low), math.ceil(high) + 1)
    divergences, means = [], []
    for row, label in zip(output.softmax(dim=1).tolist(), labels.tolist(), strict=True):
        whole = min(math.floor(label), levels[-1])
        target = [
            label - whole if level == whole + 1 else whole - label + 1 if level == whole else 0 for level in levels
        ]
        assert sum(p * level for p, level in zip(target, levels, strict=True)) == pytest.approx(label, abs=1e-6)
        divergences.append(entropy(target, row))
        means.append(sum(p * level for p, level in zip(row, levels, strict=True)))
    assert head.loss(output, labels).item() == pytest.approx(sum(divergences) / N, rel=1e-4)
    torch.testing.assert_close(head.predict(output), torch.tensor(means))
