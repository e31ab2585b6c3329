"""Every kernel against the same from plain operations, values and gradients, and its gradients against differences."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from model.kernels import FixedWeights, StackedLinear, add_norm, attend, attention_biases, draw_mask, dropout
from model.packing import pack

LENGTHS = (7, 3, 40, 1, 12, 33, 20, 2)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def double(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


def make_batch(lengths: tuple[int, ...] = LENGTHS):
    return pack([[1] * length for length in lengths])


def attend_plainly(qkv_R3D: torch.Tensor, lengths: tuple[int, ...], num_heads: int) -> torch.Tensor:
    """Sequence by sequence, by torch's own attention, in the tokens' order."""
    contexts = []
    for rows in qkv_R3D[: sum(lengths)].split(lengths):
        query, key, value = (part.unflatten(1, (num_heads, -1)).transpose(0, 1) for part in rows.chunk(3, dim=1))
        contexts.append(F.scaled_dot_product_attention(query, key, value).transpose(0, 1).flatten(1))
    return torch.cat(contexts)


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found.double() - expected.double()).norm() / expected.double().norm()).item()


def test_stacked_linear_equals_each_linear():
    linears = [nn.Linear(6, size).double() for size in (4, 2, 5)]
    inputs_RI, weights_RO = double(9, 6), torch.randn(9, 11, dtype=torch.float64)
    tensors = [inputs_RI, *(parameter for linear in linears for parameter in linear.parameters())]
    found = StackedLinear(*linears)(inputs_RI, FixedWeights())
    expected = torch.cat([F.linear(inputs_RI, linear.weight, linear.bias) for linear in linears], dim=1)
    torch.testing.assert_close(found, expected)
    gradients = torch.autograd.grad((found * weights_RO).sum(), tensors)
    torch.testing.assert_close(gradients, torch.autograd.grad((expected * weights_RO).sum(), tensors))


def test_a_gradient_goes_to_its_slot_in_one_way_or_the_other():
    linear, inputs = nn.Linear(3, 2), torch.randn(4, 3)
    stacked = StackedLinear(linear)
    stacked(inputs, FixedWeights()).sum().backward()
    expected, expected_bias = linear.weight.grad, linear.bias.grad
    slot = torch.full((2, 3), 7.0)
    linear.weight.grad = linear.bias.grad = None
    fixed = FixedWeights({linear.weight: slot})
    (stacked(inputs, fixed).sum() + stacked(inputs, fixed).sum()).backward()  # written, then added to
    assert linear.weight.grad is slot
    torch.testing.assert_close(slot, 2 * expected)
    torch.testing.assert_close(linear.bias.grad, 2 * expected_bias)


@pytest.mark.parametrize("lengths", [LENGTHS, (1,), (5, 5, 5), (100, 1)])
def test_attention_equals_torchs_sequence_by_sequence(lengths):
    batch, num_heads = make_batch(lengths), 3
    qkv = double(len(batch.slot_R), 3 * 12)
    weights = torch.randn(sum(lengths), 12, dtype=torch.float64)
    found = attend(qkv, batch, attention_biases(batch, torch.float64), num_heads, 0.0)[: sum(lengths)]
    expected = attend_plainly(qkv, lengths, num_heads)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad((output * weights).sum(), qkv)[0] for output in (found, expected)]
    torch.testing.assert_close(*gradients)
    assert not gradients[0][sum(lengths) :].any(), "the filler's rows have no gradient"


def test_attention_with_dropout_has_the_gradient_of_what_it_computed():
    batch = make_batch((2, 5, 3))
    biases = attention_biases(batch, torch.float64)

    def function(qkv):
        torch.manual_seed(1)
        return attend(F.pad(qkv, (0, 0, 0, batch.num_fillers)), batch, biases, 2, 0.3)[:10]

    assert torch.autograd.gradcheck(function, double(10, 12))


@pytest.mark.parametrize("probability", [0.0, 0.3])
def test_add_norm_equals_its_parts(probability):
    update, residual, weights = double(6, 8), double(6, 8), torch.randn(6, 8, dtype=torch.float64)
    norm = nn.LayerNorm(8, eps=1e-3).double()
    nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    torch.manual_seed(1)
    found = add_norm(update, residual, norm, probability)
    torch.manual_seed(1)
    mask = draw_mask(update, probability) / (1 - probability) if probability else 1.0
    expected = norm(residual + update * mask)
    torch.testing.assert_close(found, expected)
    tensors = [update, residual, *norm.parameters()]
    gradients = [torch.autograd.grad((output * weights).sum(), tensors) for output in (found, expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_a_mask_leaves_out_the_asked_for_share(probability, dtype):
    mask = draw_mask(torch.empty(333, 999, dtype=dtype), probability)
    assert (mask.shape, mask.dtype) == ((333, 999), dtype)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    left_out = 1 - mask.double().mean().item()
    assert left_out == pytest.approx(probability, abs=5 * math.sqrt(probability * (1 - probability) / mask.numel()))
    rows = mask.double() - mask.double().mean()
    assert abs((rows[1:] * rows[:-1]).mean().item()) < 0.002, "numbers of one draw are independent"
    assert abs((rows[:, 1:] * rows[:, :-1]).mean().item()) < 0.002


def test_dropout_keeps_the_mean_and_follows_the_generator():
    ones = torch.ones(100_000)
    torch.manual_seed(3)
    first = dropout(ones, 0.25)
    torch.manual_seed(3)
    assert torch.equal(first, dropout(ones, 0.25)) and not torch.equal(first, dropout(ones, 0.25))
    assert first.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert first.mean().item() == pytest.approx(1.0, abs=0.01)
    assert dropout(ones, 0.0) is ones
    assert dropout(ones, 1e-7).mean().item() == pytest.approx(1.0, abs=1e-3)


def test_bf16_is_as_close_to_exact_as_autocast():
    """Values and gradients of each kernel, weights in fp32: within twice the error of torch.autocast's operations."""
    batch = make_batch()
    rows = len(batch.slot_R)
    qkv, update, residual = (torch.randn(rows, size, requires_grad=True) for size in (48, 16, 16))
    linear, norm = nn.Linear(16, 24), nn.LayerNorm(16)

    def ours(dtype):
        low = [tensor.to(dtype) for tensor in (qkv, update, residual)]
        return (
            attend(low[0], batch, attention_biases(batch, dtype), 4, 0.0)[: sum(LENGTHS)],
            StackedLinear(linear)(low[1], FixedWeights()),
            add_norm(low[1], low[2], norm, 0.0),
        )

    def plain():
        return attend_plainly(qkv, LENGTHS, 4), linear(update), norm(residual + update)

    tensors = [qkv, update, residual, linear.weight, linear.bias, norm.weight, norm.bias]
    with torch.autocast("cpu", torch.bfloat16):
        autocast = plain()
    for found, cast, expected in zip(ours(torch.bfloat16), autocast, plain(), strict=True):
        assert found.dtype == torch.bfloat16
        bound = max(2 * relative_error(cast, expected), 2**-8)
        assert relative_error(found, expected) < bound
        used = [
            tensor
            for tensor in tensors
            if torch.autograd.grad(expected.sum(), tensor, retain_graph=True, allow_unused=True)[0] is not None
        ]
        weights = torch.randn_like(expected)
        exact, low = (torch.autograd.grad((output * weights).sum(), used) for output in (expected, found))
        for gradient, reference in zip(low, exact, strict=True):
            assert gradient.dtype == torch.float32
            assert relative_error(gradient, reference) < 0.02


def test_attention_dropout_is_on_the_weights_and_keeps_their_mean():
    """Every value is 1, so the output is the sum of the weights that are left: of 4 equal ones, k * (1/4) / (3/4)."""
    batch = make_batch((4,) * 1000)
    qkv = torch.cat([torch.zeros(len(batch.slot_R), 8), torch.ones(len(batch.slot_R), 4)], dim=1)
    context = attend(qkv, batch, attention_biases(batch, torch.float32), 1, 0.25)[:4000]
    assert set((context * 3).round().unique().tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}
    assert context[:, 0].mean().item() == pytest.approx(1.0, abs=0.03)
    assert torch.equal(context[:, 0], context[:, 3]), "one draw for a weight"
