"""What regularisers and mixout make of a step's losses and gradients, against autograd alone."""

import copy
from dataclasses import replace

import pytest
import torch

from model.packing import pack
from pipeline.evaluation.saved_model import build_model
from pipeline.files.digest import derive_seed
from pipeline.training.checkpoint import Progress, State
from pipeline.training.optimization import LegOptimizer
from pipeline.training.sources.frozen import Source as Frozen
from pipeline.training.task_data import read_task_data
from tests.pipeline.training.steps import NONE, TASKS, differ, make_optimizer, take_step


def test_r_drop_draws_its_second_dropout_apart_and_adds_its_penalty(tiny):
    state, measured = take_step(tiny)
    nothing, zero = take_step(tiny, regulariser={"r_drop": {"alpha": 0.0}})
    assert differ(state, nothing) == set()
    without = {name: value for name, value in zero.items() if "penalty" not in name}
    assert without == {**measured, "tokens": 2 * measured["tokens"]}  # of both passes
    assert {zero[f"penalty/{task}"] for task in TASKS} == {0.0}
    other, found = take_step(tiny, regulariser="r_drop")
    assert differ(state, other)
    assert all(found[f"penalty/{task}"] > 0 and found[f"loss/{task}"] == measured[f"loss/{task}"] for task in TASKS)
    again, same = take_step(tiny, regulariser="r_drop")
    assert same == found and differ(other, again) == set()
    none = {"head_dropout": 0.0, "encoder_dropout": 0.0}
    assert take_step(tiny, regulariser="r_drop", **none)[1]["penalty/sst"] == 0.0


def test_r_drops_gradient_is_that_of_both_passes(tiny):
    """Against autograd alone: one optimizer writes gradients to slots twice, the other sums two plain passes."""
    optimizer, data = make_optimizer(tiny, [{"tasks": ["sst"], "epochs": 1}], regulariser={"r_drop": {"alpha": 3.0}})
    model, indices = optimizer.state.model, data["sst"].train_indices[:8]
    outputs = []
    for purpose in ("dropout", "regulariser"):
        torch.manual_seed(derive_seed(0, purpose, "phase2", 0, 0, 0, "sst", 0))
        outputs.append(optimizer.source.output("sst", indices)[0])
    p, q = (output.softmax(-1) for output in outputs)
    labels = torch.from_numpy(data["sst"].labels("train", indices))
    loss = model.heads["sst"].loss(outputs[0], labels) + 1.5 * ((p - q) * (p / q).log()).sum(-1).mean()
    weight = model.encoder.layers[0].intermediate.weight
    (expected,) = torch.autograd.grad(loss, weight)
    optimizer.step({"sst": indices}, 0, 0)
    torch.testing.assert_close(weight.grad, expected, rtol=1e-4, atol=1e-6)


def pass_with_noise(model, data, task, indices, noise):
    """The output without any hook: the noise is in the word embeddings, which are those of each token apart."""
    model, batch = copy.deepcopy(model), pack(data[task].splits["train"].sentences(indices))
    words_TD = model.encoder.word_embeddings(batch.ids_T).detach() + noise
    model.encoder.word_embeddings = torch.nn.Embedding.from_pretrained(words_TD, freeze=False)
    torch.manual_seed(derive_seed(0, "dropout", "phase2", 0, 0, 0, task, 0))
    return model, model(task, replace(batch, ids_T=torch.arange(batch.num_tokens)))


def symmetric(task, one, other):
    if task == "sts":
        return (one - other).square().mean()
    p, q = one.softmax(-1), other.softmax(-1)
    return ((p - q) * (p / q).log()).sum(-1).mean()


SMART = {"alpha": 3.0, "epsilon": 0.3, "sigma": 0.1, "step_size": 0.2, "num_steps": 2}


def test_smarts_gradient_is_that_of_both_passes_and_its_ascent_leaves_none(tiny):
    """Against autograd alone: no slots, no hooks, and copies of the model for all passes but the first."""
    schedule = [{"tasks": ["sst", "sts"], "epochs": 1}]
    optimizer, data = make_optimizer(tiny, schedule, regulariser={"smart": SMART})
    model, penalties, gradients = optimizer.state.model, {}, []
    batches = {task: data[task].train_indices[:8] for task in ("sst", "sts")}
    names = [name for name, _ in model.named_parameters() if "para" not in name and "word" not in name]
    for task, indices in batches.items():
        torch.manual_seed(derive_seed(0, "dropout", "phase2", 0, 0, 0, task, 0))
        clean, num_tokens = optimizer.source.output(task, indices)
        noise = 0.1 * torch.randn(num_tokens, 32)
        for _ in range(2):
            other, output = pass_with_noise(model, data, task, indices, noise)
            symmetric(task, clean.detach(), output).backward()
            steps = other.encoder.word_embeddings.weight.grad
            noise = (noise + 0.2 * torch.stack([row / row.abs().max() for row in steps])).clamp(-0.3, 0.3)
        other, output = pass_with_noise(model, data, task, indices, noise)
        penalties[task] = 3 * symmetric(task, clean, output)
        loss = model.heads[task].loss(clean, torch.from_numpy(data[task].labels("train", indices))) + penalties[task]
        for one in (model, other):
            wanted = [one.get_parameter(name) for name in names]
            gradients.append(torch.autograd.grad(loss, wanted, retain_graph=True, allow_unused=True))
    measured = optimizer.step(batches, 0, 0)
    sentences = [sentence for task in batches for sentence in data[task].splits["train"].sentences(batches[task])]
    assert measured["tokens"] == 4 * sum(map(len, sentences))  # the clean pass, two steps of the noise, the noisy one
    for task, penalty in penalties.items():
        assert measured[f"penalty/{task}"] == pytest.approx(penalty.item(), rel=1e-3) and penalty > 1e-3
    for name, *parts in zip(names, *gradients, strict=True):
        expected = sum(part for part in parts if part is not None)
        found, scale = model.get_parameter(name).grad, expected.abs().max().clamp(min=1.0)
        close = {"rtol": 0, "atol": 2e-4, "msg": lambda message, name=name: f"{name}: {message}"}
        torch.testing.assert_close(found / scale, expected / scale, **close)


def test_smarts_noise_is_on_the_vectors_where_the_encoder_is_frozen(tiny):
    schedule = [{"tasks": ["sts"], "epochs": 1, "encoder": "frozen"}]
    run = tiny.add_row(schedule, tasks=list(TASKS), train=NONE | {"regulariser": {"smart": SMART | {"step_size": 0.0}}})
    model = build_model(run.spec, 0)
    data = {"sts": read_task_data("sts", run.spec, tiny.root)}
    source, indices = Frozen(model, data, 4096), data["sts"].train_indices[:8]
    model.train()
    optimizer = LegOptimizer(run.spec, 0, State(Progress(), model), source, steps_per_epoch=3)
    clean, _ = source.output("sts", indices)
    torch.manual_seed(derive_seed(0, "dropout", "phase2", 0, 0, 0, "sts", 0))
    pooled_BD = model.encode(pack(data["sts"].splits["train"].sentences(indices)))
    noisy = model.forward_head("sts", pooled_BD + (0.1 * torch.randn(pooled_BD.shape)).clamp(-0.3, 0.3))
    expected = 3 * (clean - noisy).square().mean()
    assert optimizer.step({"sts": indices}, 0, 0)["penalty/sts"] == pytest.approx(expected.item(), rel=1e-4)


def test_contrast_gets_the_vectors_that_the_head_got_and_the_labels(tiny):
    optimizer, data = make_optimizer(tiny, [{"tasks": list(TASKS), "epochs": 1}], regulariser="contrastive", **NONE)
    model, indices = optimizer.state.model, data["para"].train_indices[:8]
    labels = torch.from_numpy(data["para"].labels("train", indices))
    pooled_BD = model.encode(pack(data["para"].splits["train"].sentences(indices))).detach()
    u, v = (torch.nn.functional.normalize(each[labels == 1]) for each in pooled_BD.chunk(2))
    logs = [(scores / 0.05).log_softmax(1).diagonal() for scores in (u @ v.T, v @ u.T)]
    measured = optimizer.step({task: data[task].train_indices[:8] for task in TASKS}, 0, 0)
    assert len(u) >= 2 and measured["penalty/para"] == pytest.approx(-torch.cat(logs).mean().item(), rel=1e-4)
    assert measured["penalty/sst"] == measured["penalty/sts"] == 0.0


@pytest.mark.parametrize("pooling", ["pooler", "cls"])
def test_mixouts_gradient_is_that_of_the_mixed_weights_masked(tiny, pooling):
    """The masks are found from the weights that the first pass sees; the weights are back when AdamW steps."""
    train = NONE | {"mixout": 0.6, "pooling": pooling, "learning_rate": 1e-7}
    optimizer, data = make_optimizer(tiny, [{"tasks": ["sst", "sts"], "epochs": 1, "combine": "sum"}], **train)
    model, batches = optimizer.state.model, {task: data[task].train_indices[:8] for task in ("sst", "sts")}
    published = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    seen, output = {}, optimizer.source.output

    def look(task, indices, *rest):
        seen[task] = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        return output(task, indices, *rest)

    optimizer.source.output = look
    optimizer.step(batches, 0, 0)
    assert differ(seen["sst"], seen["sts"]) == set()
    linear = {
        f"{path}.weight"
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and "encoder" in path and (pooling in path or "pool" not in path)
    }
    assert differ(seen["sst"], before) == linear
    found = {name: model.get_parameter(name).grad.clone() for name in linear}
    after = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert all((after[name] - before[name]).abs().max() < 1e-6 for name in linear)
    model.load_state_dict(seen["sst"])
    total = sum(
        model.heads[task].loss(output(task, indices)[0], torch.from_numpy(data[task].labels("train", indices)))
        for task, indices in batches.items()
    )
    for name in linear:
        (gradient,) = torch.autograd.grad(total, model.get_parameter(name), retain_graph=True)
        expected = gradient * (seen["sst"][name] != published[name]) / 0.4
        torch.testing.assert_close(found[name], expected, rtol=1e-3, atol=1e-5)


def test_mixout_draws_other_weights_in_each_step_and_the_same_again(tiny):
    first, _ = take_step(tiny, mixout=0.5, **NONE)
    assert differ(first, take_step(tiny, mixout=0.5, **NONE)[0]) == set()
    assert differ(first, take_step(tiny, mixout=0.5, step=1, **NONE)[0])
    assert differ(first, take_step(tiny, **NONE)[0])
