"""Where training runs, as the environment says."""

import pytest
import torch

from pipeline.evaluation.device import choose_device


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


def test_threads_are_a_number(monkeypatch):
    monkeypatch.setenv("BERTY_DEVICE", "cpu")
    asked = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    monkeypatch.setenv("BERTY_THREADS", "3")
    choose_device()
    assert asked == [3]
    for wrong in ("0", "-1", "many"):
        monkeypatch.setenv("BERTY_THREADS", wrong)
        with pytest.raises(ValueError, match=f"BERTY_THREADS is '{wrong}'; allowed: a number"):
            choose_device()
    assert asked == [3]
