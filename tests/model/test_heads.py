"""Every head of the registry learns a toy task; each kind's output, loss and prediction against its formula."""

import pytest
import torch

from model.heads import HEADS

D, WIDTH, NUM_CLASSES, N = 8, 16, 3, 24
REGRESSIONS = {"cosine_similarity", "pair_regression"}


def build(name: str, dropout: float = 0.0) -> torch.nn.Module:
    torch.manual_seed(0)
    return HEADS[name](D, WIDTH, None if name in REGRESSIONS else NUM_CLASSES, dropout)


def toy_batch(head: torch.nn.Module) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
    torch.manual_seed(1)
    return tuple(torch.randn(N, D) for _ in range(head.sentences_per_example)), torch.arange(N) % NUM_CLASSES * 1.0


def linears(head: torch.nn.Module) -> list[torch.nn.Linear]:
    return [module for module in head.modules() if isinstance(module, torch.nn.Linear)]


@pytest.mark.parametrize("name", HEADS)
def test_loss_falls(name):
    head = build(name, dropout=0.1)
    pooled, labels_n = toy_batch(head)
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = head.loss(head(pooled), labels_n)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("name", HEADS)
def test_gradients_reach_every_parameter_and_every_sentence(name):
    head = build(name)
    pooled, labels_n = toy_batch(head)
    pooled = tuple(vector_nD.requires_grad_() for vector_nD in pooled)
    loss = head.loss(head(pooled), labels_n)
    loss.backward()
    assert loss.shape == ()
    assert loss.dtype == torch.float32
    assert all(parameter.grad.any() for parameter in head.parameters())
    assert all(vector_nD.grad.any(dim=1).all() for vector_nD in pooled)


@pytest.mark.parametrize("name", HEADS)
def test_one_prediction_per_example_which_depends_on_that_example_alone(name):
    head = build(name).eval()
    pooled, _ = toy_batch(head)
    predictions_n = head.predict(head(pooled))
    assert predictions_n.shape == (N,)
    assert predictions_n.dtype == torch.float32
    one_by_one = [head.predict(head(tuple(vector_nD[i : i + 1] for vector_nD in pooled))) for i in range(N)]
    torch.testing.assert_close(torch.cat(one_by_one), predictions_n)


@pytest.mark.parametrize("name", HEADS)
def test_two_layers_with_dropout_before_each(name):
    head = build(name, dropout=0.4)
    kinds = [type(module).__name__ for module in head.network]
    assert kinds == ["Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert [module.p for module in head.network if isinstance(module, torch.nn.Dropout)] == [0.4, 0.4]
    assert linears(head)[0].out_features == WIDTH


@pytest.mark.parametrize("name", HEADS)
def test_loss_is_fp32_on_half_precision_outputs(name):
    head = build(name)
    pooled, labels_n = toy_batch(head)
    output = head(pooled)
    half = head.loss(output.bfloat16(), labels_n)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, head.loss(output.bfloat16().float(), labels_n), rtol=0, atol=0)


def by_hand(head: torch.nn.Module, input_nI: torch.Tensor) -> torch.Tensor:
    first, second = linears(head)
    return (input_nI @ first.weight.T + first.bias).clamp(min=0) @ second.weight.T + second.bias


@pytest.mark.parametrize("name", ["classify", "pair_classify"])
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


def test_cosine_similarity_by_hand():
    head = build("cosine_similarity")
    pooled, labels_n = toy_batch(head)
    first, second = (by_hand(head, vector_nD) for vector_nD in pooled)
    scores_n = 5 * (first * second).sum(dim=1) / (first.norm(dim=1) * second.norm(dim=1))
    output = head(pooled)
    torch.testing.assert_close(output, scores_n)
    torch.testing.assert_close(head.loss(output, labels_n), ((scores_n - labels_n) ** 2).mean())
    assert torch.equal(head.predict(output), output)
    torch.testing.assert_close(head((pooled[0], pooled[0])), torch.full((N,), 5.0))


def test_pair_regression_by_hand():
    head = build("pair_regression")
    pooled, labels_n = toy_batch(head)
    scores_n = by_hand(head, torch.cat(pooled, dim=1))[:, 0]
    output = head(pooled)
    torch.testing.assert_close(output, scores_n)
    torch.testing.assert_close(head.loss(output, labels_n), ((scores_n - labels_n) ** 2).mean())
    assert torch.equal(head.predict(output), output)
