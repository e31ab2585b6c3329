"""Heads that take a pair joined or through a layer that tasks share: what a step moves, and by which gradient."""

import pytest
import torch

from model.regularisers import REGULARISERS
from pipeline.evaluation.predict import predict
from pipeline.evaluation.saved_model import build_model
from pipeline.training.begin import train
from pipeline.training.checkpoint import Progress, State
from pipeline.training.optimization import LegOptimizer
from pipeline.training.task_data import make_source, read_task_data
from tests.pipeline.training.conftest import Killed, read_results

TASKS = ("sst", "para", "sts")
HEADS = {
    "joined": {"para": "joined_classify", "sts": "joined_regression"},
    "shared": {"para": "shared_pair_classify", "sts": "shared_pair_regression"},
}
NONE = {"head_dropout": 0.0, "encoder_dropout": 0.0}


def make_optimizer(tiny, encoder="finetuned", heads="shared", tasks=TASKS, **keys):
    leg = {"tasks": list(tasks), "epochs": 1, "encoder": encoder}
    run = tiny.add_row([leg], tasks=list(TASKS), heads=HEADS[heads], train=NONE | keys)
    model = build_model(run.spec, 0).train()
    data = {task: read_task_data(task, run.spec, tiny.root) for task in TASKS}
    source = make_source(run.spec, 0, model, data)
    optimizer = LegOptimizer(run.spec, 0, State(Progress(), model), source, steps_per_epoch=5)
    return optimizer, {task: data[task].train_indices[:8] for task in tasks}


def find_gradients(optimizer, batches, parameters):
    """By autograd alone, for each task; None where its loss does not depend on a parameter."""
    gradients = {}
    for task, indices in batches.items():
        labels = torch.from_numpy(optimizer.source.data[task].labels("train", indices))
        loss = optimizer.state.model.heads[task].loss(optimizer.source.output(task, indices)[0], labels)
        gradients[task] = torch.autograd.grad(loss, parameters, allow_unused=True)
    return gradients


def test_a_fine_tuned_leg_combines_the_pair_layers_gradients_with_the_encoders(tiny):
    optimizer, batches = make_optimizer(tiny, pooling="attention")
    model = optimizer.state.model
    weight, query_D = model.pair_layer.linear.weight, model.pooling["query_D"]
    expected = find_gradients(optimizer, batches, [weight, query_D])
    everything = find_gradients(optimizer, {"sts": batches["sts"]}, model.shared_parameters(["sts"]))["sts"]
    measured = optimizer.step(batches, 0, 0)
    trained = [parameter for group in optimizer.state.optimizer.param_groups for parameter in group["params"]]
    assert len(trained) == len(set(trained)) and weight in set(trained), "once"
    assert expected["sst"][0] is None and all(gradients[1].any() for gradients in expected.values())
    torch.testing.assert_close(weight.grad, expected["para"][0] + expected["sts"][0])
    torch.testing.assert_close(query_D.grad, sum(gradients[1] for gradients in expected.values()))
    squares = [(each.to_dense() if each.is_sparse else each).square().sum() for each in everything]
    assert measured["gradients/norm.sts"] == pytest.approx(torch.stack(squares).sum().sqrt().item(), rel=1e-4)
    assert expected["sts"][0].norm() > 1e-2 * measured["gradients/norm.sts"], "it could be missed"


def test_over_a_frozen_encoder_the_pair_layer_moves_as_a_head_does(tiny):
    optimizer, batches = make_optimizer(tiny, "frozen", pooling="attention")
    model, weight = optimizer.state.model, optimizer.state.model.pair_layer.linear.weight
    (group,) = optimizer.state.optimizer.param_groups
    own = [*model.pair_layer.parameters(), *(p for task in TASKS for p in model.head_parameters(task))]
    assert len(group["params"]) == len(own) and set(group["params"]) == set(own), "each once"
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for step in range(2):  # what the last step left is not added to
        expected = find_gradients(optimizer, batches, [weight])
        optimizer.step(batches, 0, step)
        torch.testing.assert_close(weight.grad, expected["para"][0] + expected["sts"][0])
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {name for name in before if name.startswith(("heads.", "pair_layer."))}


@pytest.mark.parametrize("encoder", ["finetuned", "frozen"])
def test_a_leg_without_a_task_that_takes_it_leaves_the_pair_layer_alone(tiny, encoder):
    optimizer, batches = make_optimizer(tiny, encoder, tasks=["sst"], weight_decay=0.1)
    before = optimizer.state.model.pair_layer.linear.weight.clone()
    optimizer.step(batches, 0, 0)
    assert torch.equal(optimizer.state.model.pair_layer.linear.weight, before)


@pytest.mark.parametrize("encoder", ["finetuned", "frozen"])
@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("regulariser", REGULARISERS)
def test_every_regulariser_bears_what_the_head_takes(tiny, encoder, heads, regulariser):
    """Its width too, which is not the encoder's where the head is on a pair layer."""
    optimizer, batches = make_optimizer(tiny, encoder, heads, head_width=24, regulariser=regulariser)
    measured = optimizer.step(batches, 0, 0)
    assert all(tensor.isfinite().all() for tensor in optimizer.state.model.state_dict().values())
    assert {f"penalty/{task}" for task in TASKS} <= set(measured)


@pytest.mark.parametrize("encoder", ["finetuned", "frozen"])
@pytest.mark.parametrize("heads", HEADS)
def test_kept_vectors_are_those_of_what_the_head_takes(tiny, encoder, heads):
    """A frozen leg's outputs are the model's own in evaluation mode; a step counts the tokens that it encoded."""
    optimizer, batches = make_optimizer(tiny, encoder, heads, head_dropout=0.5)
    model, source = optimizer.state.model, optimizer.source
    for task in ("para", "sts"):
        model.eval()
        sentences = source.data[task].splits["train"].sentences(batches[task])
        batch = model.pack(task, sentences)
        found, num_tokens = source.output(task, batches[task])
        torch.testing.assert_close(found, model(task, batch), atol=1e-5, rtol=1e-5)
        dropped = len(batches[task]) if heads == "joined" else 0  # the second [CLS] of each pair
        everything = source.data[task].measured["dev"]
        predictions = source.predict(task, "dev", everything).tolist()
        model.train()  # predictions are without dropout
        assert source.predict(task, "dev", everything).tolist() == predictions and model.training
        dev = source.data[task].splits["dev"]
        assert predictions == pytest.approx(predict(model, task, dev, everything, 100).tolist(), abs=1e-5)
        assert num_tokens == (0 if encoder == "frozen" else sum(map(len, sentences)) - dropped)


@pytest.mark.parametrize("heads", HEADS)
def test_a_killed_run_goes_on_bit_for_bit(tiny, steps, monkeypatch, heads):
    frozen = {"tasks": ["para", "sts"], "epochs": 1, "encoder": "frozen"}
    schedule = [frozen, {"tasks": list(TASKS), "epochs": 1, "combine": "pcgrad"}]
    results = []
    for kill_at in ([], [3, 4]):  # in the frozen leg, then in the other, counted from where the run went on
        run = tiny.add_row(schedule, heads=HEADS[heads], train={"pooling": "attention"})
        monkeypatch.setenv("BERTY_CHECKPOINT_SECONDS", "0" if kill_at else "1000")
        for number in kill_at:
            steps.taken.clear()
            steps.kill_at = number
            with pytest.raises(Killed):
                train(run)
        steps.taken.clear()
        steps.kill_at = None
        train(run)
        results.append(read_results(tiny, run))
    assert results[0] == results[1]
