"""The stacks do the same work: equal losses on equal examples, equal updates where their definitions agree."""

from dataclasses import replace

import pytest
import torch

from bench.course import Course, project_popular
from bench.models import build_start, to_transformers
from bench.ours import Ours
from bench.peer import NUM_PARTS, Peer

CPU = torch.device("cpu")
# With eps at 1, AdamW's first step is lr * g / (|g| + 1): it shows gradients, not only their signs.
PLAIN = {"head_dropout": 0.0, "encoder_dropout": 0.0, "adamw_form": "torch", "eps": 1.0, "learning_rate": 0.5}


def make(stack, inputs, **choice):
    chosen = inputs.choose(**choice)
    made = stack(replace(chosen, spec=chosen.spec | {"train": chosen.spec["train"] | PLAIN}), CPU)
    if stack is Peer:
        made.num_parts = 2  # else it takes steps to find the best
    return made


def read_encoder(stack):
    """The encoder's parameters under transformers' names."""
    bert = stack.bert if hasattr(stack, "bert") else to_transformers(stack.model.encoder, "eager")
    return {name: tensor.clone() for name, tensor in bert.state_dict().items()}


def read_heads(stack):
    heads = stack.heads if hasattr(stack, "heads") else stack.model.heads
    return {name: tensor.clone() for name, tensor in heads.state_dict().items()}


def assert_close(left, right):
    assert left.keys() == right.keys()
    for name in left:
        torch.testing.assert_close(left[name], right[name], rtol=1e-4, atol=2e-5, msg=name)


def step(stack, inputs, number, **choice):
    """Losses, encoder and heads after one step."""
    made = make(stack, inputs, **choice)
    losses = made.step(made.inputs.draw(number, 8))
    return losses, read_encoder(made), read_heads(made)


def test_every_stack_computes_the_same_losses_and_sums_the_same_gradients(inputs):
    ours, encoder, heads = step(Ours, inputs, 1)
    before = read_encoder(make(Ours, inputs))
    assert max((encoder[name] - before[name]).abs().max() for name in before) > 1e-3
    for stack in (Course, Peer):
        losses, other_encoder, other_heads = step(stack, inputs, 1)
        assert losses == pytest.approx(ours, rel=1e-4), stack
        assert_close(other_encoder, encoder)
        assert_close(other_heads, heads)


def test_our_pcgrad_is_torchjds(inputs):
    """Of two tasks the order of projections cannot differ."""
    conflicts = 0
    for number in range(6):
        choice = {"tasks": ("sst", "sts")}
        _, encoder, heads = step(Ours, inputs, number, **choice, combine="pcgrad")
        _, other_encoder, other_heads = step(Peer, inputs, number, **choice, combine="pcgrad")
        assert_close(other_encoder, encoder)
        assert_close(other_heads, heads)
        summed = step(Ours, inputs, number, **choice)[1]
        conflicts += any((summed[name] - encoder[name]).abs().max() > 1e-4 for name in summed)
    assert conflicts > 0, "without a conflict PCGrad is the sum"


def test_the_popular_projection_by_hand():
    """It averages shared entries, sums those of heads, and projects heads too."""
    gradients = [torch.tensor([1.0, 0.0, 1.0, 0.0]), torch.tensor([-1.0, 1.0, 0.0, 1.0])]
    owned = [torch.tensor([1.0, 1.0, 1.0, 0.0]), torch.tensor([1.0, 1.0, 0.0, 1.0])]
    torch.testing.assert_close(project_popular(gradients, owned), torch.tensor([1 / 12, 2 / 3, 3 / 2, 4 / 3]))
    assert gradients[0].tolist() == [1, 0, 1, 0], "projections are against the original gradients"


def test_parts_sorted_by_length_change_nothing(inputs):
    losses = []
    for num_parts in NUM_PARTS:
        peer = make(Peer, inputs)
        peer.num_parts = num_parts
        losses.append(peer.step(peer.inputs.draw(2, 8)))
    assert losses[1:] == [pytest.approx(losses[0], rel=1e-5)] * (len(NUM_PARTS) - 1)


def test_transformers_gets_every_weight(inputs):
    """A name that is missing or unknown would be an error: the weights are loaded strictly."""
    model = build_start(inputs)
    bert = to_transformers(model.encoder, "sdpa")
    assert torch.equal(bert.embeddings.word_embeddings.weight, model.encoder.word_embeddings.weight)
    assert bert.training and bert.config._attn_implementation == "sdpa"


def test_a_frozen_step_moves_the_heads_alone(inputs):
    frozen = Ours(inputs.choose(), CPU, frozen=True)
    before, heads = read_encoder(frozen), read_heads(frozen)
    frozen.step(frozen.inputs.draw(0, 8))
    assert_close(read_encoder(frozen), before)
    assert any(not torch.equal(heads[name], each) for name, each in read_heads(frozen).items())
