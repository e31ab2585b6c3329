"""What a replay must not let pass: values that compare with nothing, and steps that it lacks."""

import base64
from typing import Any

import numpy as np
import pytest

from pipeline.training.replay import find_difference


def make_replay(loss: float = 0.5, output: float = 1.0, num_steps: int = 2) -> dict[str, Any]:
    outputs = base64.b64encode(np.array([output, 2.0], "<f4").tobytes()).decode()
    probe = {"steps": [{"sst": 0.5}] * num_steps, "outputs": {"sst": outputs}, "order": "same"}
    return {"steps": [{"sst": loss}], "probe": probe}


@pytest.mark.parametrize("tolerance", [0.0, 1e-3])
def test_what_compares_with_nothing_differs(tolerance: float) -> None:
    nan = float("nan")
    assert find_difference(make_replay(), make_replay(), tolerance) is None
    assert "step 1, loss of sst" in find_difference(make_replay(), make_replay(loss=nan), tolerance)
    assert find_difference(make_replay(), make_replay(output=nan), tolerance) == "the probe's outputs of sst"
    shorter = find_difference(make_replay(), make_replay(num_steps=1), tolerance)
    assert shorter == "the probe's steps: 2 on record, now 1"
