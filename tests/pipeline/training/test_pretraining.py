"""Further pre-training: it learns what was left out, and the same again is the same bytes."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from model.adamw import AdamW
from model.masked_lm import mask
from model.pretrained import load_encoder, load_masked_lm
from pipeline.data.adapt import list_sentences
from pipeline.files.atomic import read_json, write_json
from pipeline.runs import layout
from pipeline.training import pretraining
from pipeline.training.pretraining import LOG_EVERY, pretrain
from tests.tiny import ENCODER, PROFILE

OPTIONS = {
    "epochs": 4,
    "batch_size": 8,
    "learning_rate": 2e-3,
    "learning_rate_schedule": "constant",
    "masked_fraction": 0.15,
}


@pytest.fixture
def source(tiny):
    return tiny.root / layout.encoder(PROFILE, ENCODER)


@pytest.fixture
def sentences(tiny):
    adapt = {key: OPTIONS[key] for key in ("epochs", "batch_size", "learning_rate")} | {"tasks": ["sst", "sts"]}
    tiny.change(encoders__more={"adapted_from": ENCODER, "adapt": adapt})
    return list_sentences(tiny.params, PROFILE, "more", tiny.root)


def test_the_loss_falls_and_the_curve_is_of_every_ten_steps(tmp_path, source, sentences):
    curve = pretrain(source, tmp_path / "w.safetensors", sentences, OPTIONS | {"epochs": 10})
    num_steps = 10 * -(-len(sentences) // 8)
    steps = [step for step, _ in curve]
    assert steps == [*range(LOG_EVERY, num_steps, LOG_EVERY), num_steps]
    assert curve[-1][1] < 0.8 * curve[0][1]


def test_the_same_again_is_the_same_bytes_whatever_was_drawn_before(tmp_path, source, sentences):
    written = []
    for number in range(2):
        torch.manual_seed(number)
        pretrain(source, tmp_path / f"{number}.safetensors", sentences[:20], OPTIONS)
        written.append((tmp_path / f"{number}.safetensors").read_bytes())
    assert written[0] == written[1]


def test_the_steps_are_those_of_a_plain_loop_over_the_same_masked_batches(tmp_path, source, sentences, monkeypatch):
    config = read_json(source / "config.json") | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    write_json(source / "config.json", config)
    expected = load_masked_lm(source)  # its head is replaced by the one that is drawn below
    drawn, read, taken = [], pretraining.load_masked_lm, []
    monkeypatch.setattr(pretraining, "load_masked_lm", lambda folder: (drawn.append(read(folder)), drawn[0])[1])
    monkeypatch.setattr(pretraining, "mask", lambda *given: (taken.append(mask(*given)), taken[-1])[1])
    start = []
    monkeypatch.setattr(
        pretraining, "AdamW", lambda *given, **options: (start.append(copy(drawn[0])), AdamW(*given, **options))[1]
    )
    curve = pretrain(source, tmp_path / "model.safetensors", sentences, OPTIONS | {"epochs": 2})
    expected.load_state_dict(start[0])
    optimizer, losses = AdamW(expected.parameters(), lr=OPTIONS["learning_rate"]), []
    for batch, places, originals in taken:
        loss = F.cross_entropy(expected(batch, places), originals)
        for parameter, gradient in zip(optimizer.param_groups[0]["params"], gradients(loss, expected), strict=True):
            parameter.grad = gradient
        optimizer.step()
        losses.append(loss.item())
    means = [sum(part) / len(part) for part in (losses[at : at + LOG_EVERY] for at in range(0, len(losses), LOG_EVERY))]
    assert [value for _, value in curve] == pytest.approx(means, rel=1e-5)
    for name in ("config.json", "vocab.txt"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    found = load_encoder(tmp_path).state_dict()
    for name, tensor in expected.encoder.state_dict().items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-5)
    assert torch.equal(found["pooler.weight"], load_encoder(source).pooler.weight), "no word's loss depends on it"
    assert len({int(places[0]) for _, places, _ in taken}) > 4, "each step draws for itself"
    # Every sentence once an epoch, in another order in the second.
    seen = [tuple(b.ids_T[start:end].tolist()) for b, *_ in unmasked(taken) for start, end in pairwise(b.bounds_B1)]
    half = len(sentences)
    assert sorted(seen[:half]) == sorted(seen[half:]) == sorted(map(tuple, sentences)) and seen[:half] != seen[half:]


def copy(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def gradients(loss, model):
    return torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)


def unmasked(taken):
    for batch, places, originals in taken:
        yield replace(batch, ids_T=batch.ids_T.index_copy(0, places, originals)), places


def test_the_schedule_scales_the_rate(tmp_path, source, sentences):
    options = OPTIONS | {"epochs": 1, "learning_rate_schedule": {"constant": {"scale": 0.5}}}
    half = OPTIONS | {"epochs": 1, "learning_rate": OPTIONS["learning_rate"] / 2}
    for number, each in enumerate((options, half)):
        pretrain(source, tmp_path / f"{number}.safetensors", sentences[:20], each)
    assert (tmp_path / "0.safetensors").read_bytes() == (tmp_path / "1.safetensors").read_bytes()


def test_a_vocabulary_without_a_mask_and_a_loss_that_is_not_finite_are_errors(tmp_path, source, sentences):
    with pytest.raises(FloatingPointError, match=r"the loss is (nan|inf) at step"):
        pretrain(source, tmp_path / "w.safetensors", sentences[:20], OPTIONS | {"learning_rate": 1e30})
    text = (source / "vocab.txt").read_text()
    (source / "vocab.txt").unlink()
    (source / "vocab.txt").write_text(text.replace("[MASK]", "[OTHER]"))
    with pytest.raises(ValueError, match=r"vocab.txt: no \[MASK\]"):
        pretrain(source, tmp_path / "w.safetensors", sentences[:20], OPTIONS)
    assert not (tmp_path / "w.safetensors").exists() and load_masked_lm(source)
