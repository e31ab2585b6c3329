"""The encoder's inner operations with their gradients written out, in the precision of computation.

Autograd gives the same from plain operations, and the tests hold these to it, but in more passes over memory: on a
CPU those passes, not the matrix products, are most of a step. README.md has the formulas.

Products are computed in the precision of what they are given. Weights are fp32, and read through a copy in that
precision; their gradients are fp32 again. Softmax, LayerNorm and every sum compute in fp32 within.

These are the only kernels: a faster one for some hardware takes the place of a function here, under its tests.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from model.packing import PackedBatch

# Shape suffixes: R rows (the packed tokens and their filler), D hidden, I inputs and O outputs of a linear map;
# N heads, H head size, D = N * H.
# Attention lays tokens into S slots; M bins of one size have C slots each; Z = M * N.


@dataclass(frozen=True, eq=False)
class FixedWeights:
    """What forward passes share while no weight changes: a step's tasks, or the batches of an evaluation.

    Who changes the weights makes a new one. It holds a copy of the weights of every linear map that was computed, and
    where the gradient of a parameter is to be written (else it is handed to autograd).
    """

    slots: Mapping[nn.Parameter, Tensor] = field(default_factory=dict)  # of the parameters' shapes, fp32
    copies: dict["StackedLinear", tuple[Tensor, Tensor]] = field(default_factory=dict)


class StackedLinear:
    """Linear maps of the same input, computed as one product."""

    def __init__(self, *linears: nn.Linear) -> None:
        self.linears = linears

    def __call__(self, input_RI: Tensor, fixed: FixedWeights) -> Tensor:
        """Their outputs side by side, R x O."""
        weights, biases = [linear.weight for linear in self.linears], [linear.bias for linear in self.linears]
        if self not in fixed.copies:
            fixed.copies[self] = _stack(weights, input_RI.dtype), _stack(biases, input_RI.dtype)
        slots = [fixed.slots.get(parameter) for parameter in (*weights, *biases)]
        return _Linear.apply(input_RI, *fixed.copies[self], slots, *weights, *biases)


def _stack(parameters: list[Tensor], dtype: torch.dtype) -> Tensor:
    """The parameters one below the other in a precision; itself where it is one that has it."""
    tensors = [parameter.detach().to(dtype) for parameter in parameters]
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors)


class _Linear(torch.autograd.Function):
    """x W^T + b; `parameters` are the weights, then the biases, that W and b are stacked from."""

    @staticmethod
    def forward(ctx, input_RI, weight_OI, bias_O, slots, *parameters):
        ctx.save_for_backward(input_RI, weight_OI)
        ctx.slots, ctx.parameters = slots, parameters
        return torch.addmm(bias_O, input_RI, weight_OI.t())

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_RO):
        input_RI, weight_OI = ctx.saved_tensors
        weight_grad_OI, bias_grad_O = grad_RO.t() @ input_RI, grad_RO.sum(0)
        num_linears = len(ctx.parameters) // 2
        sizes = [len(bias) for bias in ctx.parameters[num_linears:]]
        gradients = (*weight_grad_OI.split(sizes), *bias_grad_O.split(sizes))
        delivered = (_deliver(*each) for each in zip(ctx.parameters, gradients, ctx.slots, strict=True))
        return grad_RO @ weight_OI, None, None, None, *delivered


def _deliver(parameter: nn.Parameter, gradient: Tensor, slot: Tensor | None) -> Tensor | None:
    """Hand a gradient to autograd, or write it straight to its slot, which becomes the parameter's gradient.

    Autograd would cast it to fp32, then add that to zeros: three passes over the parameters for every task.
    """
    if slot is None:
        return gradient.to(parameter.dtype)
    if parameter.grad is None:
        parameter.grad = slot.copy_(gradient)
    else:
        parameter.grad += gradient
    return None


def attention_biases(batch: PackedBatch, dtype: torch.dtype) -> list[Tensor]:
    """What keeps the sequences in a bin apart, for bins of each size: 0 or minus infinity, M x 1 x C x C."""
    biases = []
    for slots, num_bins, size in _bins(batch):
        sequence_MC = batch.sequence_S[slots].view(num_bins, size)
        apart_MCC = sequence_MC.unsqueeze(2) != sequence_MC.unsqueeze(1)
        bias_MCC = torch.zeros_like(apart_MCC, dtype=dtype).masked_fill_(apart_MCC, -torch.inf)
        biases.append(bias_MCC.unsqueeze(1))
    return biases


def attend(qkv_R3D: Tensor, batch: PackedBatch, biases: list[Tensor], num_heads: int, dropout: float) -> Tensor:
    """softmax(QK^T / sqrt(H)) V within each sequence and head, with dropout on the softmax; R x 3D to R x D.

    A row is query, key and value side by side. `biases` are `attention_biases` of the batch.
    """
    return _Attention.apply(qkv_R3D, batch, biases, num_heads, dropout)


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, qkv_R3D, batch, biases, num_heads, dropout):
        hidden_size = qkv_R3D.shape[1] // 3
        head_size = hidden_size // num_heads
        qkv_S3D = qkv_R3D.index_select(0, batch.row_S)
        context_SD = qkv_S3D.new_empty(len(qkv_S3D), hidden_size)
        ctx.bins = []
        for (slots, num_bins, size), bias in zip(_bins(batch), biases, strict=True):
            qkv_MC3NH = qkv_S3D[slots].view(num_bins, size, 3, num_heads, head_size)
            qkv_3ZCH = qkv_MC3NH.permute(2, 0, 3, 1, 4).reshape(3, -1, size, head_size)
            query_ZCH, key_ZCH, value_ZCH = qkv_3ZCH
            scores_ZCC = _product(query_ZCH, key_ZCH.transpose(1, 2), 1 / math.sqrt(head_size))
            scores_ZCC.view(num_bins, num_heads, size, size).add_(bias)
            weights_ZCC = scores_ZCC.softmax(-1)
            mask_ZCC = draw_mask(weights_ZCC, dropout) if dropout else None
            kept_ZCC = weights_ZCC if mask_ZCC is None else weights_ZCC * mask_ZCC
            context_ZCH = _product(kept_ZCC, value_ZCH, 1 / (1 - dropout))
            context_MNCH = context_ZCH.view(num_bins, num_heads, size, head_size)
            context_SD[slots].view(num_bins, size, num_heads, head_size).copy_(context_MNCH.transpose(1, 2))
            ctx.bins.append((qkv_3ZCH, weights_ZCC, mask_ZCC))
        ctx.batch, ctx.num_heads, ctx.dropout = batch, num_heads, dropout
        return context_SD.index_select(0, batch.slot_R)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_RD):
        # A slot left over is given some token's gradient: it ends in that slot's query, key and value, which no
        # token reads.
        batch, num_heads, hidden_size = ctx.batch, ctx.num_heads, grad_RD.shape[1]
        head_size = hidden_size // num_heads
        scale, temperature = 1 / (1 - ctx.dropout), 1 / math.sqrt(head_size)
        grad_SD = grad_RD.index_select(0, batch.row_S)
        grad_S3D = grad_RD.new_empty(len(grad_SD), 3 * hidden_size)
        for (slots, num_bins, size), (qkv_3ZCH, weights_ZCC, mask_ZCC) in zip(_bins(batch), ctx.bins, strict=True):
            query_ZCH, key_ZCH, value_ZCH = qkv_3ZCH
            grad_MCNH = grad_SD[slots].view(num_bins, size, num_heads, head_size)
            grad_ZCH = grad_MCNH.transpose(1, 2).reshape(query_ZCH.shape)
            kept_ZCC = weights_ZCC if mask_ZCC is None else weights_ZCC * mask_ZCC
            grads_3ZCH = torch.empty_like(qkv_3ZCH)
            _product(kept_ZCC.transpose(1, 2), grad_ZCH, scale, out=grads_3ZCH[2])
            weights_grad_ZCC = _product(grad_ZCH, value_ZCH.transpose(1, 2), scale)
            if mask_ZCC is not None:
                weights_grad_ZCC *= mask_ZCC
            scores_grad_ZCC = torch._softmax_backward_data(weights_grad_ZCC, weights_ZCC, -1, weights_ZCC.dtype)
            _product(scores_grad_ZCC, key_ZCH, temperature, out=grads_3ZCH[0])
            _product(scores_grad_ZCC.transpose(1, 2), query_ZCH, temperature, out=grads_3ZCH[1])
            grads_3MNCH = grads_3ZCH.view(3, num_bins, num_heads, size, head_size)
            grad_S3D[slots].view(num_bins, size, 3, num_heads, head_size).copy_(grads_3MNCH.permute(1, 3, 0, 2, 4))
        return grad_S3D.index_select(0, batch.slot_R), None, None, None, None


def _bins(batch: PackedBatch) -> Iterator[tuple[slice, int, int]]:
    """For bins of each size: their slots, how many they are, and their size."""
    start = 0
    for num_bins, size in batch.bins:
        yield slice(start, start := start + num_bins * size), num_bins, size


def _product(left_ZXY: Tensor, right_ZYX: Tensor, factor: float, out: Tensor | None = None) -> Tensor:
    """factor * left @ right, in one pass."""
    nothing = left_ZXY.new_empty(())  # what beta = 0 leaves out
    return torch.baddbmm(nothing, left_ZXY, right_ZYX, beta=0, alpha=factor, out=out)


def dropout(input_RD: Tensor, probability: float) -> Tensor:
    """Numbers left out with a probability, the others scaled up so that the mean stays."""
    return input_RD * draw_mask(input_RD, probability) / (1 - probability) if probability else input_RD


def draw_mask(like: Tensor, dropout: float) -> Tensor:
    """A tensor like the one given: 0 with probability `dropout`, else 1, from torch's generator.

    Sixteen random bits a number, four numbers a draw. The probability is rounded to a multiple of 1/65536 and is at
    least that.
    """
    bits = torch.empty(-(-like.numel() // 4), dtype=torch.int64, device=like.device).random_(-(2**63), None)
    threshold = min(round((1 - dropout) * 2**16) - 2**15, 2**15 - 1)
    numbers = bits.view(torch.int16)[: like.numel()].view(like.shape)
    return torch.lt(numbers, threshold, out=torch.empty_like(like))


def add_norm(update_RD: Tensor, residual_RD: Tensor, norm: nn.LayerNorm, dropout: float) -> Tensor:
    """LayerNorm(residual + dropout(update))."""
    return _AddNorm.apply(update_RD, residual_RD, norm.weight, norm.bias, norm.eps, dropout)


class _AddNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, update_RD, residual_RD, weight_D, bias_D, eps, dropout):
        ctx.scale = 1 / (1 - dropout)
        mask_RD = draw_mask(update_RD, dropout) if dropout else None
        if mask_RD is None:
            sum_RD = residual_RD + update_RD
        else:
            sum_RD = torch.addcmul(residual_RD, update_RD, mask_RD, value=ctx.scale)
        output_RD, *statistics = torch.native_layer_norm(sum_RD, weight_D.shape, weight_D, bias_D, eps)
        ctx.save_for_backward(sum_RD, weight_D, bias_D, mask_RD, *statistics)
        return output_RD

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_RD):
        sum_RD, weight_D, bias_D, mask_RD, *statistics = ctx.saved_tensors
        sum_grad_RD, weight_grad_D, bias_grad_D = torch.ops.aten.native_layer_norm_backward(
            grad_RD, sum_RD, weight_D.shape, *statistics, weight_D, bias_D, [True, True, True]
        )
        update_grad_RD = sum_grad_RD
        if mask_RD is not None:
            update_grad_RD = torch.addcmul(sum_RD.new_zeros(()), sum_grad_RD, mask_RD, value=ctx.scale)
        return update_grad_RD, sum_grad_RD, weight_grad_D, bias_grad_D, None, None
