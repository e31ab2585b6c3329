"""Which precision is faster is measured, and said where the other one is chosen."""

import time

import pytest
import torch

from pipeline.evaluation.precision import advise, measure_bf16


@pytest.mark.parametrize(
    ("chosen", "ratio", "said"),
    [
        ("fp32", 2.0, "bf16 is 2.0 times as fast here as fp32"),
        ("bf16", 0.5, "fp32 is 2.0 times as fast here as bf16"),
        ("bf16", 2.0, ""),
        ("fp32", 0.5, ""),
        ("fp32", 1.1, ""),
        ("bf16", 0.95, ""),
    ],
)
def test_the_faster_precision_is_named(chosen, ratio, said):
    assert said in (line := advise(chosen, ratio)) and bool(said) == bool(line)


def test_the_ratio_is_that_of_the_products(monkeypatch):
    clock = [0.0]

    def multiply(left, right):
        clock[0] += {torch.float32: 3.0, torch.bfloat16: 1.0}[left.dtype]
        return torch.zeros(1, 1)

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(torch.Tensor, "__matmul__", multiply)
    assert measure_bf16(torch.device("cpu")) == 3.0
