"""The machine's limit: the rate of a large square matrix product.

A product whose operands stay in the caches can be faster still (1,024 a side: twice as fast on two cores with AMX), so
that rate is measured beside it.
"""

import time

import torch

from bench.inputs import Batch, Inputs

# Rows and columns; of several sizes the fastest counts.
LARGE = {"cpu": (2048, 4096), "cuda": (4096, 8192, 16384)}
CACHED = {"cpu": (512, 1024), "cuda": (1024, 2048)}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Limit:
    """Square products in one precision, of the size at which the machine is fastest."""

    def __init__(self, inputs: Inputs, device: torch.device, sizes: dict[str, tuple[int, ...]] = LARGE) -> None:
        self.device, self.dtype = device, DTYPES[inputs.spec["train"]["precision"]]
        rates = {}
        for size in sizes[device.type]:
            self._make(size)
            for _ in range(3):
                self._synchronize()
                start = time.perf_counter()
                self.step(None)
                self._synchronize()
                rates[size] = max(rates.get(size, 0.0), self.operations / (time.perf_counter() - start))
        self._make(max(rates, key=rates.get))

    @property
    def operations(self) -> int:
        return 2 * len(self.left) ** 3

    def step(self, batch: Batch | None) -> None:
        """One product, whatever the batch."""
        torch.mm(self.left, self.right, out=self.product)

    def _make(self, size: int) -> None:
        self.left, self.right, self.product = (
            torch.randn(size, size, device=self.device).to(self.dtype) for _ in range(3)
        )

    def _synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
