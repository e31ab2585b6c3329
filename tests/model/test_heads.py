"""What holds of every head: it learns a toy task, its gradients reach everything, it comes back whole."""

import pytest
import torch

from model.heads import HEADS, TaskShape
from model.reading import find_reading
from model.registry import find_option_faults

D, WIDTH, NUM_CLASSES, N = 8, 16, 3, 24


def shape_for(name: str, num_classes: int = NUM_CLASSES, label_range: tuple[float, float] = (0, 5)) -> TaskShape:
    """A task that the head fits."""
    head = HEADS[name]
    if head.labels == "classes":
        return TaskShape(head.num_sentences, num_classes)
    return TaskShape(head.num_sentences, None, label_range)


def build(name: str, dropout: float = 0.0, options: dict | None = None, **shape) -> torch.nn.Module:
    torch.manual_seed(0)
    return HEADS.bind({name: options or {}})(shape_for(name, **shape), D, WIDTH, dropout)


def draw_vectors(head: torch.nn.Module, num_examples: int = N) -> tuple[torch.Tensor, ...]:
    """What the head takes of so many examples."""
    reading = find_reading(head)
    num_vectors = 1 if hasattr(reading, "Layer") else reading.count_vectors(head.num_sentences)
    return tuple(torch.randn(num_examples, D) for _ in range(num_vectors))


def toy_batch(head: torch.nn.Module) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
    torch.manual_seed(1)
    return draw_vectors(head), torch.arange(N) % NUM_CLASSES * 1.0


@pytest.mark.parametrize("name", HEADS)
def test_loss_falls(name):
    head = build(name, dropout=0.1)
    pooled, labels_n = toy_batch(head)
    below = torch.nn.ModuleList()  # a head on a layer learns with it
    if hasattr(find_reading(head), "Layer"):
        below.append(find_reading(head).Layer(D, D, 0.1))
        sentences = (torch.randn(N, D), torch.randn(N, D))
    optimizer = torch.optim.Adam([*head.parameters(), *below.parameters()], lr=5e-2)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = head.loss(head((below[0](*sentences),) if below else pooled), labels_n)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("name", HEADS)
def test_gradients_reach_every_parameter_and_every_sentence(name):
    head = build(name)
    pooled, labels_n = toy_batch(head)
    pooled = tuple(vector_nD.requires_grad_() for vector_nD in pooled)
    loss = head.loss(head(pooled), labels_n)
    loss.backward()
    assert loss.shape == ()
    assert loss.dtype == torch.float32
    assert all(parameter.grad.any() for parameter in head.parameters())
    assert all(vector_nD.grad.any(dim=1).all() for vector_nD in pooled)


@pytest.mark.parametrize("name", HEADS)
def test_one_prediction_per_example_which_depends_on_that_example_alone(name):
    head = build(name).eval()
    pooled, _ = toy_batch(head)
    predictions_n = head.predict(head(pooled))
    assert predictions_n.shape == (N,)
    assert predictions_n.dtype == torch.float32
    one_by_one = [head.predict(head(tuple(vector_nD[i : i + 1] for vector_nD in pooled))) for i in range(N)]
    torch.testing.assert_close(torch.cat(one_by_one), predictions_n)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("num_classes", [2, 3, 5])
def test_predictions_are_classes_of_the_task_or_finite_scores(name, num_classes):
    head = build(name, num_classes=num_classes, label_range=(0, 1)).eval()
    assert shape_for(name).fits(head) and not TaskShape(3 - head.num_sentences, num_classes).fits(head)
    torch.manual_seed(2)
    predictions_n = head.predict(head(tuple(10 * vector_nD for vector_nD in draw_vectors(head, 500))))
    assert predictions_n.isfinite().all()
    if head.labels == "classes":
        assert set(predictions_n.tolist()) == set(map(float, range(num_classes)))


@pytest.mark.parametrize("name", HEADS)
def test_a_head_comes_back_from_its_tensors(name):
    head, other = build(name).eval(), HEADS[name](shape_for(name), D, WIDTH, 0.0).eval()
    pooled, _ = toy_batch(head)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(torch.rand_like(parameter))
    assert not torch.equal(head(pooled), other(pooled))
    other.load_state_dict(head.state_dict())
    assert torch.equal(head(pooled), other(pooled))


@pytest.mark.parametrize("name", HEADS)
def test_the_defaults_of_its_options_are_allowed(name):
    assert find_option_faults(HEADS[name], HEADS[name].__init__.__kwdefaults__ or {}) == []


@pytest.mark.parametrize("name", HEADS)
def test_loss_is_fp32_on_half_precision_outputs(name):
    head = build(name)
    pooled, labels_n = toy_batch(head)
    output = head(pooled)
    half = head.loss(output.bfloat16(), labels_n)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, head.loss(output.bfloat16().float(), labels_n), rtol=0, atol=0)


@pytest.mark.parametrize("name", HEADS)
def test_dropout_acts_in_training_alone(name):
    head = build(name, dropout=0.4)
    pooled, _ = toy_batch(head)
    assert torch.equal(head(pooled), head(pooled)) == (name == "raw_cosine"), "which has none"
    head.eval()
    assert torch.equal(head(pooled), head(pooled))
