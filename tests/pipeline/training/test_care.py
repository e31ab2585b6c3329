"""The care of a step: rates by depth, frozen layers, clipping, decay, batches in parts; held to autograd and torch."""

import numpy as np
import pytest
import torch

from model.rates import find_depth
from pipeline.training.sources.frozen import Source as Frozen
from tests.pipeline.training.steps import NONE, TASKS, differ, make_optimizer

SUM = [{"tasks": list(TASKS), "epochs": 4}]  # of 5 steps, as make_optimizer says


def tensors(optimizer):
    return {name: tensor.clone() for name, tensor in optimizer.state.model.state_dict().items()}


def gradients(optimizer):
    """What the step left, by name; the optimizer changes none."""
    return {name: weight.grad.clone() for name, weight in optimizer.trained.items() if weight.grad is not None}


def autograd(optimizer, batches):
    """The gradients of the summed losses without dropout, by autograd alone."""
    model, weights = optimizer.state.model, list(optimizer.trained.values())
    embedding, total = model.encoder.word_embeddings, 0.0
    embedding.sparse = False
    for task, indices in batches.items():
        labels = torch.from_numpy(optimizer.source.data[task].labels("train", indices))
        total = total + model.heads[task].loss(optimizer.source.output(task, indices)[0], labels)
    found = torch.autograd.grad(total, weights)
    embedding.sparse = True
    return dict(zip(optimizer.trained, found, strict=True))


def batches_of(data, size=8):
    return {task: data[task].train_indices[:size] for task in TASKS}


def test_a_rate_is_the_schedules_times_that_of_the_depth(tiny):
    rates = {"layerwise": {"decay": 0.5, "heads": 3.0}}
    schedule = {"warmup_linear": {"warmup": 0.5}}
    optimizer, data = make_optimizer(tiny, SUM, rates=rates, learning_rate_schedule=schedule, weight_decay=0.1)
    optimizer.step(batches_of(data), 0, 1)
    assert optimizer.learning_rate == pytest.approx(1e-3 * 2 / 10)
    found = {}
    for group in optimizer.state.optimizer.param_groups:
        for name, weight in optimizer.trained.items():
            if any(weight is member for member in group["params"]):
                found[name] = group["lr"] / optimizer.learning_rate
    assert found.keys() == optimizer.trained.keys()
    for name, factor in found.items():
        assert factor == pytest.approx((0.25, 0.5, 1.0, 3.0)[find_depth(name, 2)]), name


def test_a_first_step_moves_by_the_rate_of_the_depth(tiny):
    """Adam's first step is the rate itself, whatever the gradient: eps is too small to matter."""
    train = {"rates": {"layerwise": {"decay": 0.5, "heads": 3.0}}, "eps": 1e-30, **NONE}
    optimizer, data = make_optimizer(tiny, SUM, **train)
    before = tensors(optimizer)
    optimizer.step(batches_of(data), 0, 0)
    after = tensors(optimizer)
    for name in optimizer.trained:
        moved = (after[name] - before[name]).abs().max().item()
        assert moved == pytest.approx(1e-3 * (0.25, 0.5, 1.0, 3.0)[find_depth(name, 2)], rel=1e-2), name


def test_a_frozen_layer_stays_with_its_moments_and_out_of_the_gramian(tiny):
    """Of 20 steps 16 thaw: the top layer at once, the other at step 8, the embeddings at step 16."""
    train = {"rates": {"gradual_unfreezing": {"fraction": 0.8}}, "weight_decay": 0.5, "clip_norm": 1e9, **NONE}
    optimizer, data = make_optimizer(tiny, [{**SUM[0], "combine": "pcgrad"}], **train)
    first, batches = tensors(optimizer), batches_of(data)
    for number in range(20):
        thawed = 2 if number < 8 else 1 if number < 16 else 0
        moving = {name for name in optimizer.trained if find_depth(name, 2) >= thawed}
        if number in (0, 8, 16):
            for weight in optimizer.trained.values():
                weight.requires_grad_(True)
            shared = [name for name in moving if name.startswith("encoder.")]
            expected = {t: autograd_of(optimizer, t, batches[t], shared) for t in TASKS}
        before = tensors(optimizer)
        measured = optimizer.step(batches, number // 5, number % 5)
        assert differ(before, tensors(optimizer)) == moving
        if number in (0, 8, 16):
            for task in TASKS:
                norm = torch.cat([gradient.flatten() for gradient in expected[task]]).norm().item()
                assert measured[f"gradients/norm.{task}"] == pytest.approx(norm, rel=1e-4)
        total = torch.cat([g.flatten() for name, g in gradients(optimizer).items() if name in moving]).norm().item()
        assert measured["gradients/total_norm"] == pytest.approx(total, rel=1e-5)
        ages = {name: optimizer.state.optimizer.state[w].get("step", 0) for name, w in optimizer.trained.items()}
        starts = (16, 8, 0, 0)
        assert ages == {name: max(0, number + 1 - starts[find_depth(name, 2)]) for name in ages}
    assert differ(first, tensors(optimizer)) == set(optimizer.trained)


def autograd_of(optimizer, task, indices, names):
    model, embedding = optimizer.state.model, optimizer.state.model.encoder.word_embeddings
    embedding.sparse = False
    labels = torch.from_numpy(optimizer.source.data[task].labels("train", indices))
    loss = model.heads[task].loss(optimizer.source.output(task, indices)[0], labels)
    found = torch.autograd.grad(loss, [optimizer.trained[name] for name in names])
    embedding.sparse = True
    return found


@pytest.mark.parametrize("part", [0.5, 2.0])
def test_gradients_are_clipped_together_heads_and_word_embeddings_too(tiny, part):
    """Two steps, the second with other words: nothing of the first is left in the embeddings' gradient."""
    plain, data = make_optimizer(tiny, SUM, **NONE)
    batches = batches_of(data)
    norm = torch.cat([gradient.flatten() for gradient in autograd(plain, batches).values()]).norm().item()
    optimizer, _ = make_optimizer(tiny, SUM, clip_norm=part * norm, **NONE)
    for step, size in enumerate((8, 3)):
        batches = batches_of(data, size)
        weights = [torch.nn.Parameter(weight.detach().clone()) for weight in optimizer.trained.values()]
        for weight, gradient in zip(weights, autograd(optimizer, batches).values(), strict=True):
            weight.grad = gradient.clone()
        total = torch.nn.utils.clip_grad_norm_(weights, part * norm).item()
        measured = optimizer.step(batches, 0, step)
        assert measured["gradients/total_norm"] == pytest.approx(total, rel=1e-4)
        if step == 0:
            assert total == pytest.approx(norm, rel=1e-5)
        for (name, found), weight in zip(gradients(optimizer).items(), weights, strict=True):
            torch.testing.assert_close(found, weight.grad, rtol=1e-3, atol=1e-5, msg=name)


def test_a_frozen_encoders_heads_are_clipped(tiny):
    optimizer, data = make_frozen(tiny, clip_norm=1e-3)
    measured = optimizer.step(batches_of(data), 0, 0)
    assert measured["gradients/total_norm"] > 1e-3
    found = torch.cat([gradient.flatten() for gradient in gradients(optimizer).values()]).norm().item()
    assert found == pytest.approx(1e-3, rel=1e-3)


def make_frozen(tiny, **train):
    optimizer, data = make_optimizer(tiny, [{**SUM[0], "encoder": "frozen"}], **NONE, **train)
    optimizer.source = Frozen(optimizer.state.model, data, 4096)
    optimizer.state.model.train()
    return optimizer, data


def test_biases_and_norms_do_not_decay_where_not_all_does(tiny):
    for decay_all in (True, False):
        optimizer, _ = make_optimizer(tiny, SUM, weight_decay=0.25, decay_all=decay_all)
        decays = {}
        for group in optimizer.state.optimizer.param_groups:
            names = [n for n, w in optimizer.trained.items() if any(w is member for member in group["params"])]
            decays |= dict.fromkeys(names, group["weight_decay"])
        assert decays.keys() == optimizer.trained.keys()
        spared = {name for name in decays if name.endswith("bias") or "norm" in name}
        assert {name for name, decay in decays.items() if decay == 0} == (set() if decay_all else spared)
        assert set(decays.values()) == ({0.25} if decay_all else {0.25, 0.0})


@pytest.mark.parametrize("combine", ["sum", "pcgrad", "uncertainty"])
def test_a_batch_in_parts_is_the_whole_batch(tiny, combine):
    found = []
    for accumulate in (1, 3, 8, 50):
        schedule = [{**SUM[0], "combine": combine, "loss_weights": {"sts": 0.5}}]
        optimizer, data = make_optimizer(tiny, schedule, accumulate=accumulate, **NONE)
        measured = optimizer.step(batches_of(data), 0, 0)
        found.append((measured, gradients(optimizer)))
    (expected, whole), *others = found
    for measured, parts in others:
        assert measured == pytest.approx(expected, rel=1e-3)
        assert parts.keys() == whole.keys()
        for name, gradient in parts.items():
            torch.testing.assert_close(gradient, whole[name], rtol=1e-3, atol=1e-4, msg=name)


def test_a_frozen_encoders_batch_in_parts_is_the_whole_batch(tiny):
    found = []
    for accumulate in (1, 3):
        optimizer, data = make_frozen(tiny, accumulate=accumulate)
        found.append((optimizer.step(batches_of(data), 0, 0), gradients(optimizer)))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-4)
    for name, gradient in found[1][1].items():
        torch.testing.assert_close(gradient, found[0][1][name], rtol=1e-3, atol=1e-5, msg=name)


def test_every_part_draws_its_own_dropout(tiny, monkeypatch):
    optimizer, data = make_optimizer(tiny, [{"tasks": ["sst"], "epochs": 1}], accumulate=2)
    head, seen = optimizer.state.model.heads["sst"], []
    loss = type(head).loss
    monkeypatch.setattr(type(head), "loss", lambda *given: seen.append(loss(*given)) or seen[-1])
    measured = optimizer.step({"sst": np.repeat(data["sst"].train_indices[:1], 8)}, 0, 0)
    assert len(seen) == 2 and seen[0].item() != seen[1].item()
    assert measured["loss/sst"] == pytest.approx((seen[0].item() + seen[1].item()) / 2)
