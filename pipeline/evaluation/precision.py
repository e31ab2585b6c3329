"""How fast bf16 is on this machine: a processor may know it and still be slower in it than in fp32."""

import time

import torch

from pipeline.evaluation.device import PRECISIONS, choose_device

SHAPE = (1024, 384, 1536)  # of a product as in a small encoder's feed-forward layer
NUM_TIMES = 5
WORTH_SAYING = 1.2  # times as fast


def measure_bf16(device: torch.device) -> float:
    """How many times as fast as in fp32 a matrix product is in bf16; takes about a tenth of a second."""
    rows, inner, columns = SHAPE
    seconds = {}
    for precision, dtype in PRECISIONS.items():
        left = torch.randn(rows, inner, device=device).to(dtype or torch.float32)
        right = torch.randn(inner, columns, device=device).to(dtype or torch.float32)
        times = []
        for _ in range(1 + NUM_TIMES):
            start = time.perf_counter()
            product = left @ right
            product[0, 0].item()  # on a GPU: waits until it is done
            times.append(time.perf_counter() - start)
        seconds[precision] = min(times[1:])
    return seconds["fp32"] / seconds["bf16"]


def advise(precision: str, ratio: float | None = None) -> str:
    """A line that says which precision is faster here, where that is not `precision`; else nothing.

    `ratio` is that of `measure_bf16`, which is asked without it.
    """
    ratio = ratio or measure_bf16(choose_device())
    faster, times = ("bf16", ratio) if ratio > 1 else ("fp32", 1 / ratio)
    if faster == precision or times < WORTH_SAYING:
        return ""
    return f"note: precision {faster} is {times:.1f} times as fast here as {precision}, with results of its own"
