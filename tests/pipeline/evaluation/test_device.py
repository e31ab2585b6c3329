"""Where training runs, as the environment says, and in which precision."""

import pytest
import torch

from pipeline.evaluation.device import choose_device, choose_dtype


def test_the_environment_chooses(monkeypatch):
    monkeypatch.setenv("BERTY_DEVICE", "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device() == torch.device("cpu")
    monkeypatch.delenv("BERTY_DEVICE")
    assert choose_device() == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device() == torch.device("cpu")
    monkeypatch.setenv("BERTY_DEVICE", "cuda:1")
    with pytest.raises(ValueError, match="BERTY_DEVICE is 'cuda:1', but torch sees no GPU"):
        choose_device()


def test_a_precision_is_one_of_two():
    assert choose_dtype("fp32") is None and choose_dtype("bf16") == torch.bfloat16
    with pytest.raises(ValueError, match="precision 'fp16' is not one of fp32, bf16"):
        choose_dtype("fp16")
