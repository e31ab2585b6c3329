"""Where training runs, as the environment says, and in which precision."""

import pytest
import torch

from pipeline.evaluation import device
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


def test_a_precision_without_hardware_is_a_warning_and_goes_on(monkeypatch, capsys):
    monkeypatch.setenv("BERTY_DEVICE", "cpu")
    monkeypatch.setattr(device, "has_bf16", lambda found: False)
    assert choose_dtype("fp32") is None and capsys.readouterr().err == ""
    assert choose_dtype("bf16") == torch.bfloat16
    assert "cpu" in (said := capsys.readouterr().err) and "no hardware for bf16" in said
    monkeypatch.setattr(device, "has_bf16", lambda found: True)
    assert choose_dtype("bf16") == torch.bfloat16 and capsys.readouterr().err == ""
    with pytest.raises(ValueError, match="precision 'fp16' is not one of fp32, bf16"):
        choose_dtype("fp16")


@pytest.mark.parametrize(("avx512_bf16", "amx"), [(False, False), (True, False), (False, True)])
def test_bf16_hardware_is_asked_for_and_not_its_emulation(monkeypatch, avx512_bf16, amx):
    monkeypatch.setattr(device.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert device.has_bf16(torch.device("cpu")) == (avx512_bf16 or amx)
