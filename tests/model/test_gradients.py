"""Gradients per task in one buffer: on a real tiny model their sum equals the backward pass of the summed losses."""

import pytest
import torch

from model.bert import BertConfig, MiniBert
from model.combine import COMBINERS
from model.gradients import TaskGradients, cosines
from model.heads import HEADS, TaskShape
from model.kernels import FixedWeights
from model.multitask import MultitaskModel
from model.packing import pack

CONFIG = BertConfig(
    vocab_size=40,
    hidden_size=8,
    num_layers=2,
    num_heads=2,
    intermediate_size=16,
    max_positions=16,
    num_token_types=2,
    layer_norm_eps=1e-12,
    hidden_dropout=0.0,
    attention_dropout=0.0,
)
TASKS = ("sst", "para", "sts")
SHAPES = {"sst": TaskShape(1, 5), "para": TaskShape(2, 2), "sts": TaskShape(2, None, (0, 5))}
KINDS = {"sst": "classify", "para": "pair_classify", "sts": "cosine_similarity"}


def build(pooling: str = "cls") -> MultitaskModel:
    torch.manual_seed(0)
    heads = {task: HEADS[KINDS[task]](SHAPES[task], 8, 8, 0.0) for task in SHAPES}
    return MultitaskModel(MiniBert(CONFIG), heads, SHAPES, pooling)


def task_loss(model: MultitaskModel, task: str, seed: int, fixed: FixedWeights | None = None) -> torch.Tensor:
    generator = torch.Generator().manual_seed(10 * seed + TASKS.index(task))
    head = model.heads[task]
    lengths = torch.randint(1, 9, (4 * head.num_sentences,), generator=generator).tolist()
    batch = pack([torch.randint(0, 40, (length,), generator=generator).tolist() for length in lengths])
    return head.loss(model(task, batch, fixed), torch.randint(0, 2, (4,), generator=generator).float())


def separate_gradients(model: MultitaskModel, seed: int) -> torch.Tensor:
    """K x P, by autograd alone."""
    shared = model.shared_parameters()
    rows = [torch.autograd.grad(task_loss(model, task, seed), shared) for task in TASKS]
    return torch.stack([torch.cat([gradient.flatten() for gradient in row]) for row in rows])


def fill(gradients: TaskGradients, model: MultitaskModel, seed: int) -> None:
    for k, task in enumerate(TASKS):
        gradients.backward(k, task_loss(model, task, seed))


def flat_grad(model: MultitaskModel) -> torch.Tensor:
    return torch.cat([parameter.grad.flatten() for parameter in model.shared_parameters()])


def test_word_embeddings_are_kept_as_rows_and_mean_the_same():
    """Gramian and weighted sum over two steps on different words, against gradients held densely."""
    rows, dense = build(), build()
    by_rows = TaskGradients(rows.shared_parameters(), len(TASKS), rows.encoder.word_embeddings)
    by_all = TaskGradients(dense.shared_parameters(), len(TASKS))
    assert by_all.flat_KP.shape[1] - by_rows.flat_KP.shape[1] == rows.encoder.word_embeddings.weight.numel()
    for seed in (0, 1, 2):
        fill(by_rows, rows, seed)
        fill(by_all, dense, seed)
        torch.testing.assert_close(by_rows.gramian(), by_all.gramian(), rtol=1e-5, atol=1e-6)
        weights_K = torch.tensor([0.5, -2.0, 3.0]) + seed
        by_rows.combine_(weights_K)
        by_all.combine_(weights_K)
        torch.testing.assert_close(flat_grad(rows), flat_grad(dense), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pooling", ["pooler", "cls", "mean"])
def test_sum_equals_the_backward_of_the_summed_losses(pooling):
    """For shared and head parameters, in a first step and in a second one on other batches."""
    model, reference = build(pooling), build(pooling)
    gradients = TaskGradients(model.shared_parameters(), len(TASKS))
    for seed in (0, 1):
        model.zero_grad()
        fill(gradients, model, seed)
        gradients.combine_(COMBINERS["sum"](gradients.gramian(), torch.Generator()))
        reference.zero_grad()
        sum(task_loss(reference, task, seed) for task in TASKS).backward()
        for (name, ours), theirs in zip(model.named_parameters(), reference.parameters(), strict=True):
            if name.startswith("encoder.pooler") and pooling != "pooler":
                assert ours.grad is None
                assert theirs.grad is None
            else:
                same = {"rtol": 1e-5, "atol": 1e-6, "msg": lambda message, name=name: f"{name}: {message}"}
                torch.testing.assert_close(ours.grad, theirs.grad, **same)


def test_gramian_holds_the_inner_products():
    model = build()
    gradients = TaskGradients(model.shared_parameters(), len(TASKS))
    fill(gradients, model, seed=0)
    expected_KP = separate_gradients(model, seed=0)
    gramian_KK = gradients.gramian()
    assert (gramian_KK.dtype, gramian_KK.device.type) == (torch.float32, "cpu")
    torch.testing.assert_close(gramian_KK, expected_KP @ expected_KP.T, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradients.flat_KP, expected_KP, rtol=1e-5, atol=1e-6)


def test_combine_leaves_the_weighted_sum():
    model = build()
    gradients = TaskGradients(model.shared_parameters(), len(TASKS))
    fill(gradients, model, seed=0)
    expected_P = torch.tensor([0.5, -2.0, 3.0]) @ separate_gradients(model, seed=0)
    gradients.combine_(torch.tensor([0.5, -2.0, 3.0]))
    torch.testing.assert_close(flat_grad(model), expected_P, rtol=1e-5, atol=1e-6)


def test_a_second_step_does_not_see_the_first():
    model = build()
    gradients = TaskGradients(model.shared_parameters(), len(TASKS))
    for seed in (0, 1):
        fill(gradients, model, seed)
        gramian_KK = gradients.gramian()
        gradients.combine_(torch.ones(3))
    expected_KP = separate_gradients(model, seed=1)
    torch.testing.assert_close(gramian_KK, expected_KP @ expected_KP.T, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(flat_grad(model), expected_KP.sum(dim=0), rtol=1e-5, atol=1e-6)


def test_a_task_that_leaves_parameters_out_has_a_gradient_of_zero_there():
    model = build()
    gradients = TaskGradients(model.shared_parameters(), len(TASKS))
    fill(gradients, model, seed=0)
    gradients.combine_(torch.ones(3))
    for k in range(3):
        gradients.backward(k, model.encoder.embedding_norm.weight.sum())
    size = model.encoder.embedding_norm.weight.numel()
    assert gradients.flat_KP.count_nonzero().item() == 3 * size
    torch.testing.assert_close(gradients.gramian(), torch.full((3, 3), float(size)))


@pytest.mark.parametrize("by_rows", [True, False])
def test_a_step_may_have_fewer_tasks_than_the_step_before(by_rows):
    """Gradients written straight to their slots; Gramian and sum are over the tasks that are there."""
    model, reference = build(), build()
    embedding = model.encoder.word_embeddings if by_rows else None
    gradients = TaskGradients(model.shared_parameters(), len(TASKS), embedding)
    fill(gradients, model, seed=0)
    gradients.combine_(torch.ones(3))
    for k, task in enumerate(("para", "sts")):
        gradients.backward(k, task_loss(model, task, seed=1, fixed=FixedWeights(gradients.slots[k])))
    expected_KP = separate_gradients(reference, seed=1)[1:]
    torch.testing.assert_close(gradients.gramian(), expected_KP @ expected_KP.T, rtol=1e-5, atol=1e-6)
    gradients.combine_(torch.tensor([2.0, -1.0]))
    expected_P = torch.tensor([2.0, -1.0]) @ expected_KP
    torch.testing.assert_close(flat_grad(model), expected_P, rtol=1e-5, atol=1e-6)


def test_unfit_parameters_are_errors():
    with pytest.raises(ValueError, match="0 shared parameters, 3 tasks"):
        TaskGradients([], 3)
    with pytest.raises(ValueError, match="must be float32"):
        TaskGradients([torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))], 3)


def test_cosines():
    gradients_KP = torch.tensor([[3.0, 4.0], [-4.0, 3.0], [-6.0, -8.0], [0.0, 0.0]])
    found = cosines(gradients_KP @ gradients_KP.T)
    assert found == pytest.approx({(0, 1): 0.0, (0, 2): -1.0, (0, 3): 0.0, (1, 2): 0.0, (1, 3): 0.0, (2, 3): 0.0})


def test_tasks_may_come_in_any_order():
    model = build()
    gradients = TaskGradients(model.shared_parameters(), len(TASKS))
    for k in (2, 0, 1):
        gradients.backward(k, task_loss(model, TASKS[k], seed=0))
    torch.testing.assert_close(gradients.flat_KP, separate_gradients(model, seed=0), rtol=1e-5, atol=1e-6)


def test_one_buffer_is_all_there_is():
    model = build()
    gradients = TaskGradients(model.shared_parameters(), len(TASKS))
    start, end = gradients.flat_KP.data_ptr(), gradients.flat_KP.data_ptr() + gradients.flat_KP.nbytes
    for seed in (0, 1):
        fill(gradients, model, seed)
        gradients.combine_(torch.ones(3))
        assert all(start <= parameter.grad.data_ptr() < end for parameter in model.shared_parameters())


def test_a_step_without_every_task_is_our_own_mistake():
    model = build()
    gradients = TaskGradients(model.shared_parameters(), len(TASKS))
    fill(gradients, model, seed=0)
    gradients.combine_(torch.ones(3))
    gradients.backward(1, task_loss(model, "para", seed=1))
    with pytest.raises(AssertionError, match=r"no backward of tasks \[0\]"):
        gradients.gramian()


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("frozen", [(), ("word", "position", "token", "embedding", "layers.0"), ("layers.1",)], ids=str)
def test_a_gradient_in_parts_is_that_of_the_whole_and_what_requires_none_has_zeros(written, frozen):
    """With `written`, layers write straight to the slots."""
    model = build()
    shared, names = model.shared_parameters(), [name for name, _ in model.encoder.named_parameters()]
    expected = sum(separate_gradients(model, seed)[0] for seed in (1, 2))
    gradients = TaskGradients(shared, 1, model.encoder.word_embeddings)
    moves = []
    for name, parameter in zip(names, shared, strict=False):  # the pooler is not among the shared ones
        parameter.requires_grad_(not name.startswith(frozen))
        moves.append(torch.full((parameter.numel(),), float(parameter.requires_grad)))
    for number, seed in enumerate((1, 2)):
        fixed = FixedWeights(gradients.slots[0]) if written else None
        gradients.backward(0, task_loss(model, "sst", seed, fixed), adds=number > 0)
    expected = expected * torch.cat(moves)
    torch.testing.assert_close(gradients.gramian()[0, 0], expected.square().sum(), rtol=1e-4, atol=1e-6)
    gradients.combine_(torch.ones(1))
    torch.testing.assert_close(flat_grad(model), expected, rtol=1e-4, atol=1e-6)
