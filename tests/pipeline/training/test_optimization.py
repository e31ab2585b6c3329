"""One step: which parameters move, at which rate, and what randomness it depends on."""

import pytest
import torch

from model.adamw import AdamW
from model.combine import COMBINERS
from pipeline.evaluation.saved_model import build_model
from pipeline.training.checkpoint import Progress, State
from pipeline.training.optimization import LegOptimizer
from pipeline.training.sources.finetuned import Source as FineTuned
from tests.pipeline.training.steps import NONE, TASKS, differ, make_optimizer, take_step


def test_a_step_moves_the_encoder_and_the_heads_of_its_tasks(tiny):
    optimizer, _ = make_optimizer(tiny, [{"tasks": ["sst"], "epochs": 1}])
    before = {name: tensor.clone() for name, tensor in optimizer.state.model.state_dict().items()}
    after, measured = take_step(tiny, ["sst"])
    moved = differ(before, after)
    assert {name for name in moved if name.startswith("heads.")} == {n for n in before if n.startswith("heads.sst.")}
    assert {name for name in before if name.startswith("encoder.")} <= moved
    assert set(measured) == {"tokens", "loss/sst"} and measured["tokens"] == int(measured["tokens"]) > 8


@pytest.mark.parametrize("change", [{"epoch": 1}, {"step": 1}, {"leg": 1}])
def test_dropout_is_a_function_of_leg_epoch_and_step(tiny, change):
    first, _ = take_step(tiny)
    torch.rand(7)  # the state of torch's generator must not matter
    assert differ(first, take_step(tiny)[0]) == set()
    assert differ(first, take_step(tiny, **change)[0])


def test_a_row_draws_the_same_whatever_it_is_called_and_phase_1_other_numbers(tiny):
    _, data = make_optimizer(tiny, [{"tasks": ["sst"], "epochs": 1}])
    indices, losses = data["sst"].train_indices[:8], []
    for change in ({}, {"row": "other"}, {"phase": "phase1"}, {"seed": 1}):
        spec = tiny.run("phase2", "new").spec | change
        state = State(Progress(), build_model(spec, 0))
        state.model.train()
        again = LegOptimizer(spec, 0, state, FineTuned(state.model, data, 4096), steps_per_epoch=5)
        losses.append(again.step({"sst": indices}, 0, 0)["loss/sst"])
    assert losses[0] == losses[1] and len(set(losses)) == 3


@pytest.mark.parametrize("combine", COMBINERS)
def test_every_combination_takes_a_step_and_measures_every_pair(tiny, combine):
    state, measured = take_step(tiny, combine=combine)
    pairs = ("sst_para", "sst_sts", "para_sts")
    assert set(measured) == {
        "tokens",
        *(f"{kind}{task}" for kind in ("loss/", "gradients/norm.") for task in TASKS),
        *(f"gradients/{kind}.{pair}" for kind in ("cosine", "conflict") for pair in pairs),
    }
    assert all(tensor.isfinite().all() for tensor in state.values())
    for pair in pairs:
        assert measured[f"gradients/conflict.{pair}"] == float(measured[f"gradients/cosine.{pair}"] < 0)


def test_the_combination_gets_the_gramian_the_losses_and_its_state(tiny, monkeypatch):
    got = []

    def keep(gramian_KK, generator, losses_K=None, state=None):
        got.append((gramian_KK, torch.rand(1, generator=generator).item(), losses_K))
        state["calls"] = torch.ones(1)
        return torch.zeros(len(gramian_KK))

    monkeypatch.setattr("model.combine.sum.combine", keep)
    schedule = [{"tasks": list(TASKS), "epochs": 1, "combine": "sum"}]
    optimizer, data = make_optimizer(tiny, schedule)
    before = {name: tensor.clone() for name, tensor in optimizer.state.model.state_dict().items()}
    batches = {task: data[task].train_indices[:8] for task in TASKS}
    measured = optimizer.step(batches, 0, 0)
    ((gramian_KK, drawn, losses_K),) = got
    assert gramian_KK.shape == (3, 3) and torch.equal(gramian_KK, gramian_KK.T) and (gramian_KK.diag() > 0).all()
    assert losses_K.tolist() == pytest.approx([measured[f"loss/{task}"] for task in TASKS])
    assert set(optimizer.state.combiner) == {"calls"}
    moved = differ(before, optimizer.state.model.state_dict())
    assert moved == {name for name in before if name.startswith("heads.")}  # weights of 0 stop the encoder alone
    optimizer.step(batches, 0, 1)
    optimizer.step(batches, 0, 0)
    assert got[2][1] == drawn != got[1][1]


@pytest.mark.parametrize("kind", [AdamW, torch.optim.AdamW])
def test_bf16_follows_fp32_whichever_optimizer_steps(tiny, kind):
    """The layers read bf16 copies of the weights: stale ones would leave the losses where they were."""
    none = {"head_dropout": 0.0, "encoder_dropout": 0.0, "learning_rate": 1e-3}
    losses = {}
    for precision in ("fp32", "bf16"):
        optimizer, data = make_optimizer(tiny, [{"tasks": ["sst", "sts"], "epochs": 2}], precision=precision, **none)
        state = optimizer.state
        groups = [{key: group[key] for key in ("params", "depth")} for group in state.optimizer.param_groups]
        state.optimizer = kind(groups, eps=0.1)  # steps like SGD's, not of the gradient's sign
        batches = {task: data[task].train_indices[:8] for task in ("sst", "sts")}
        before = {name: tensor.clone() for name, tensor in state.model.encoder.state_dict().items()}
        heads = {name: tensor.clone() for name, tensor in state.model.heads.state_dict().items()}
        losses[precision] = []
        for step in range(6):
            state.model.heads.load_state_dict(heads)  # so the encoder alone lowers the loss
            measured = optimizer.step(batches, 0, step)
            losses[precision].append(measured["loss/sst"] + measured["loss/sts"])
        moved = differ(before, state.model.encoder.state_dict())
        assert moved >= {name for name in before if name.startswith("layers.") and name.endswith("weight")}
    assert losses["fp32"][-1] < 0.9 * losses["fp32"][0]
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.05)


def test_a_step_may_train_some_of_the_tasks(tiny):
    optimizer, data = make_optimizer(tiny, [{"tasks": list(TASKS), "epochs": 1, "combine": "pcgrad"}])
    batches = {task: data[task].train_indices[:8] for task in TASKS}
    optimizer.step(batches, 0, 0)
    before = {name: tensor.clone() for name, tensor in optimizer.state.model.state_dict().items()}
    measured = optimizer.step({"sts": batches["sts"], "sst": batches["sst"]}, 0, 1)  # in any order
    assert {name for name in measured if name != "tokens"} == {
        "loss/sst", "loss/sts", "gradients/norm.sst", "gradients/norm.sts", "gradients/cosine.sst_sts",
        "gradients/conflict.sst_sts",
    }  # fmt: skip
    moved = differ(before, optimizer.state.model.state_dict())
    assert moved == {name for name in before if not name.startswith("heads.para.")}
    assert set(optimizer.step({"para": batches["para"]}, 0, 2)) == {"tokens", "loss/para"}


def test_the_learning_rate_is_the_legs_times_the_schedules_factor(tiny, monkeypatch):
    asked = []
    monkeypatch.setattr("model.schedules.constant.factor", lambda step, num_steps: asked.append((step, num_steps)) or 0)
    optimizer, data = make_optimizer(tiny, [{"tasks": ["sst"], "epochs": 3}])
    before = {name: tensor.clone() for name, tensor in optimizer.state.model.state_dict().items()}
    optimizer.step({"sst": data["sst"].train_indices[:8]}, 2, 4)
    assert asked == [(14, 15)] and optimizer.learning_rate == 0.0
    assert differ(before, optimizer.state.model.state_dict()) == set()
    monkeypatch.setattr("model.schedules.constant.factor", lambda step, num_steps: 0.5)
    optimizer, _ = make_optimizer(tiny, [{"tasks": ["sst"], "epochs": 3}])
    optimizer.step({"sst": data["sst"].train_indices[:8]}, 0, 0)
    assert optimizer.learning_rate == optimizer.state.optimizer.param_groups[0]["lr"] == 5e-4


def find_gradients(tiny, leg):
    """What a step without dropout leaves as gradients of one shared parameter and of each task's first head layer."""
    optimizer, data = make_optimizer(tiny, [{"tasks": list(TASKS), "epochs": 1, **leg}], **NONE)
    model = optimizer.state.model
    measured = optimizer.step({task: data[task].train_indices[:8] for task in TASKS}, 0, 0)
    shared = model.encoder.layers[0].intermediate.weight.grad.clone()
    return shared, {task: model.head_parameters(task)[0].grad.clone() for task in TASKS}, measured


def test_a_loss_weight_multiplies_the_tasks_gradients_and_not_the_loss_that_is_shown(tiny):
    shared, heads, plain = find_gradients(tiny, {})
    weighted_shared, weighted_heads, measured = find_gradients(tiny, {"loss_weights": {"sts": 3.0}})
    assert {key: measured[f"loss/{key}"] for key in TASKS} == {key: plain[f"loss/{key}"] for key in TASKS}
    for task in TASKS:
        factor = 3.0 if task == "sts" else 1.0
        assert measured[f"gradients/norm.{task}"] == pytest.approx(factor * plain[f"gradients/norm.{task}"], rel=1e-5)
        torch.testing.assert_close(weighted_heads[task], factor * heads[task])
    doubled, _, _ = find_gradients(tiny, {"loss_weights": {"sts": 2.0}})
    torch.testing.assert_close(weighted_shared - shared, 2 * (doubled - shared), rtol=1e-3, atol=1e-5)


def test_a_norm_is_that_of_the_shared_gradient(tiny):
    optimizer, data = make_optimizer(tiny, [{"tasks": list(TASKS), "epochs": 1}], **NONE)
    model, indices = optimizer.state.model, data["sts"].train_indices[:8]
    loss = model.heads["sts"].loss(
        optimizer.source.output("sts", indices)[0], torch.from_numpy(data["sts"].labels("train", indices))
    )
    parameters = [param for param in model.shared_parameters() if param is not model.encoder.word_embeddings.weight]
    rows = torch.autograd.grad(loss, model.encoder.word_embeddings.weight, retain_graph=True)[0].to_dense()
    squares = [gradient.square().sum() for gradient in (*torch.autograd.grad(loss, parameters), rows)]
    measured = optimizer.step({task: data[task].train_indices[:8] for task in TASKS}, 0, 0)
    assert measured["gradients/norm.sts"] == pytest.approx(torch.stack(squares).sum().sqrt().item(), rel=1e-4)


def test_the_ports_heads_are_projected_along_and_summed(tiny, monkeypatch):
    """Its rule on whole gradients, shared and heads in one vector, computed here from their own inner products."""
    seen = {}
    combine = COMBINERS["pcgrad_port"]

    def spy(gramian_KK, generator, losses_K=None, state=None):
        seen["gramian_KK"], seen["weights_K"] = gramian_KK, combine(gramian_KK, generator)
        return seen["weights_K"]

    monkeypatch.setattr("model.combine.pcgrad_port.combine", spy)
    _, heads, plain = find_gradients(tiny, {})
    _, projected, measured = find_gradients(tiny, {"combine": "pcgrad_port"})
    shared_K = torch.tensor([plain[f"gradients/norm.{task}"] for task in TASKS]) ** 2
    assert (seen["gramian_KK"].diag() > shared_K * 1.0001).all()  # the heads' norms are in it
    assert measured["gradients/norm.sst"] == pytest.approx(plain["gradients/norm.sst"])  # and not in what is shown
    for task, weight in zip(TASKS, seen["weights_K"].tolist(), strict=True):
        torch.testing.assert_close(projected[task], 3 * weight * heads[task])


def test_a_method_that_weighs_losses_sees_the_shared_gradients_alone_and_weighs_the_heads(tiny, monkeypatch):
    seen = {}

    def spy(gramian_KK, generator, losses_K=None, state=None):
        seen["gramian_KK"] = gramian_KK
        return torch.tensor([0.5, 2.0, 3.0])

    monkeypatch.setattr("model.combine.gradnorm.combine", spy)
    _, heads, plain = find_gradients(tiny, {})
    _, weighed, _ = find_gradients(tiny, {"combine": "gradnorm"})
    norms = [plain[f"gradients/norm.{task}"] for task in TASKS]
    assert seen["gramian_KK"].diag().sqrt().tolist() == pytest.approx(norms)
    for task, weight in zip(TASKS, (0.5, 2.0, 3.0), strict=True):
        torch.testing.assert_close(weighed[task], weight * heads[task])


def test_without_dropout_nothing_is_random(tiny):
    none = {"head_dropout": 0.0, "encoder_dropout": 0.0}
    assert differ(take_step(tiny, **none)[0], take_step(tiny, step=1, **none)[0]) == set()


def test_the_optimizer_is_as_the_run_file_says(tiny):
    train = {"adamw_form": "torch", "beta1": 0.5, "beta2": 0.75, "eps": 1e-3, "weight_decay": 0.25, "pooling": "cls"}
    optimizer, _ = make_optimizer(tiny, [{"tasks": ["sst"], "epochs": 1}], **train)
    groups = optimizer.state.optimizer.param_groups
    for group in groups:
        assert {key: group[key] for key in ("lr", "betas", "eps", "weight_decay", "form")} == {
            "lr": 1e-3, "betas": (0.5, 0.75), "eps": 1e-3, "weight_decay": 0.25, "form": "torch",
        }  # fmt: skip
    model = optimizer.state.model
    assert not any(parameter is model.encoder.pooler.weight for group in groups for parameter in group["params"])


def test_bf16_is_in_the_layers_alone(tiny):
    """The step moves fp32 parameters with fp32 moments, close to what fp32 layers do, and not the same."""
    none = {"head_dropout": 0.0, "encoder_dropout": 0.0}
    exact, exact_measured = take_step(tiny, **none)
    optimizer, data = make_optimizer(tiny, [{"tasks": list(TASKS), "epochs": 1}], precision="bf16", **none)
    measured = optimizer.step({task: data[task].train_indices[:8] for task in TASKS}, 0, 0)
    moments = [value for state in optimizer.state.optimizer.state.values() for value in state.values()]
    tensors = [*optimizer.state.model.state_dict().values(), *(value for value in moments if torch.is_tensor(value))]
    assert {tensor.dtype for tensor in tensors} == {torch.float32}
    for task in TASKS:
        assert measured[f"loss/{task}"] != exact_measured[f"loss/{task}"]
        assert measured[f"loss/{task}"] == pytest.approx(exact_measured[f"loss/{task}"], rel=0.02)
    assert differ(exact, optimizer.state.model.state_dict())
