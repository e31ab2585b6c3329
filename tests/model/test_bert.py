"""MiniBert against transformers' BertModel on a padded batch: values, gradients, pooling, isolation of sequences."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
import transformers

from model import kernels
from model.bert import ACTIVATIONS, INITIAL_STD, BertConfig, MiniBert
from model.packing import pack
from model.pooling import POOLINGS, find_layers, make_parameters
from model.pretrained import CONFIG_KEYS, load_encoder

TINY = BertConfig(
    vocab_size=97,
    hidden_size=24,
    num_layers=2,
    num_heads=3,
    intermediate_size=40,
    max_positions=32,
    num_token_types=2,
    layer_norm_eps=1e-12,
    hidden_dropout=0.0,
    attention_dropout=0.0,
)
CONFIGS = {
    "tiny": TINY,
    "one_head_large_eps": replace(TINY, hidden_size=16, num_layers=3, num_heads=1, layer_norm_eps=1e-2),
    **{name: replace(TINY, activation=name) for name in ACTIVATIONS},
    "wide_heads": replace(TINY, vocab_size=50, hidden_size=64, num_layers=1, num_heads=2, num_token_types=1),
}
LENGTHS = (7, 3, 12, 7, 1, 3, 20, 2)


def random_sequences(vocab_size: int, lengths: tuple[int, ...] = LENGTHS) -> list[list[int]]:
    return [torch.randint(1, vocab_size, (length,)).tolist() for length in lengths]


def pad(sequences: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask, both sequences x longest."""
    ids = torch.zeros(len(sequences), max(map(len, sequences)), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    return ids, mask


def bind(pooling: str, dtype: torch.dtype = torch.float32) -> Callable[..., torch.Tensor]:
    """The pooling with what it learns drawn at random."""
    torch.manual_seed(1)
    learned = make_parameters(pooling, TINY.hidden_size)
    return partial(
        POOLINGS[pooling], **{name: torch.randn(*value.shape, dtype=dtype) for name, value in learned.items()}
    )


def save_random_bert(config: BertConfig, folder: Path) -> None:
    """A transformers model with weights large enough for every part to matter, LayerNorms and biases too."""
    keys = {key: getattr(config, field) for field, (key, _) in CONFIG_KEYS.items()}
    model = transformers.BertModel(transformers.BertConfig(**keys, hidden_act=config.activation))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    model.save_pretrained(folder)


def load_both(folder: Path) -> tuple[MiniBert, "transformers.BertModel"]:
    theirs = transformers.BertModel.from_pretrained(folder, attn_implementation="eager")
    return load_encoder(folder).eval(), theirs.eval()


@pytest.fixture(params=CONFIGS)
def both(request, tmp_path):
    torch.manual_seed(0)
    save_random_bert(CONFIGS[request.param], tmp_path)
    return load_both(tmp_path)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    encoder = MiniBert(TINY)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return encoder.eval()


def assert_same_values(ours: MiniBert, theirs: "transformers.BertModel", sequences: list[list[int]]) -> None:
    batch = pack(sequences)
    ids, mask = pad(sequences)
    with torch.no_grad():
        hidden_TD = ours(batch)
        pooled_BD = POOLINGS["pooler"](hidden_TD, batch, ours)
        expected = theirs(ids, attention_mask=mask)
    torch.testing.assert_close(hidden_TD, expected.last_hidden_state[mask.bool()], rtol=0, atol=2e-5)
    torch.testing.assert_close(pooled_BD, expected.pooler_output, rtol=0, atol=2e-5)


def test_hidden_states_equal_transformers(both):
    ours, theirs = both
    assert_same_values(ours, theirs, random_sequences(ours.config.vocab_size))


def test_hidden_states_of_published_weights_equal_transformers(minilm_folder):
    torch.manual_seed(0)
    ours, theirs = load_both(minilm_folder)
    assert_same_values(ours, theirs, random_sequences(ours.config.vocab_size, (*LENGTHS, 128)))


@pytest.mark.parametrize("num_types", [1, 2])
def test_gradients_equal_transformers(both, num_types):
    ours, theirs = both
    if num_types > ours.config.num_token_types:
        pytest.skip("it has one token type")
    sequences = random_sequences(ours.config.vocab_size)
    ids, mask = pad(sequences)
    batch, types = pack(sequences), torch.zeros_like(ids)
    if num_types == 2:
        seconds = [(length + 1) // 2 for length in LENGTHS]  # of one token there is no second sentence
        batch = pack(sequences, seconds)
        types = (torch.arange(ids.shape[1]) >= torch.tensor(seconds)[:, None]).long()
    weights_TD = torch.randn(batch.num_tokens, ours.config.hidden_size)
    hidden_TD = ours(batch)
    ((hidden_TD * weights_TD).sum() + POOLINGS["pooler"](hidden_TD, batch, ours).sum()).backward()
    expected = theirs(ids, attention_mask=mask, token_type_ids=types)
    torch.testing.assert_close(hidden_TD, expected.last_hidden_state[mask.bool()], rtol=0, atol=2e-5)
    ((expected.last_hidden_state[mask.bool()] * weights_TD).sum() + expected.pooler_output.sum()).backward()

    # Both list their parameters in the same order: embeddings, layers, pooler.
    assert len(list(ours.parameters())) == len(list(theirs.parameters()))
    for (name, our), their in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        scale = their.grad.abs().max().clamp(min=1.0)
        same = {"rtol": 0, "atol": 2e-5, "msg": lambda message, name=name: f"{name}: {message}"}
        torch.testing.assert_close(our.grad / scale, their.grad / scale, **same)
        # The scores do not change when one number is added to all of them, so a key's bias has no gradient.
        assert name.endswith("key.bias") or our.grad.abs().max() > 1e-3, name


def test_types_of_0_alone_are_no_types_bit_for_bit(encoder):
    sequences = random_sequences(TINY.vocab_size)
    plain, typed = pack(sequences), pack(sequences, LENGTHS)
    assert plain.types_T is None and not typed.types_T.any()
    assert torch.equal(encoder(plain), encoder(typed))
    with pytest.raises(ValueError, match="num_token_types 1: 2 are needed"):
        MiniBert(replace(TINY, num_token_types=1))(typed)


def test_layers_that_are_asked_for_are_averaged(both):
    ours, theirs = both
    sequences = random_sequences(ours.config.vocab_size)
    ids, mask = pad(sequences)
    with torch.no_grad():
        states = theirs(ids, attention_mask=mask, output_hidden_states=True).hidden_states  # the embeddings first
        for layers in ((1,), (-1,), (1, -1)):
            expected = torch.stack([states[layer][mask.bool()] for layer in layers]).mean(0)
            torch.testing.assert_close(ours(pack(sequences), None, layers), expected, rtol=0, atol=2e-5)
        assert torch.equal(ours(pack(sequences), None, (-1,)), ours(pack(sequences)))
        expected = (states[1] + states[-1])[mask.bool()] / 2
        torch.testing.assert_close(ours(pack(sequences), None, find_layers("first_last")), expected, rtol=0, atol=2e-5)


def test_other_sequences_do_not_matter_at_all(encoder):
    sequences = random_sequences(TINY.vocab_size)
    changed = [list(sequence) for sequence in sequences]
    changed[3] = [(token + 1) % TINY.vocab_size for token in changed[3]]
    with torch.no_grad():
        before = encoder(pack(sequences)).split(LENGTHS)
        after = encoder(pack(changed)).split(LENGTHS)
    assert [torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [i != 3 for i in range(len(LENGTHS))]


def test_pooling_equals_a_hand_computation_on_a_padded_batch(encoder):
    sequences = random_sequences(TINY.vocab_size)
    batch = pack(sequences)
    _, mask = pad(sequences)
    with torch.no_grad():
        hidden_TD = encoder(batch)
        padded = torch.full((*mask.shape, TINY.hidden_size), 1e6)
        padded[mask.bool()] = hidden_TD
        first = padded[:, 0]
        expected = {
            "cls": first,
            "pooler": torch.tanh(first @ encoder.pooler.weight.T + encoder.pooler.bias),
            "mean": (padded * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1)[:, None],
        }
        expected["first_last"] = expected["mean"]  # of what it is given
        learned = bind("attention").keywords["query_D"]
        scores = (padded @ learned).masked_fill(mask == 0, -torch.inf)
        expected["attention"] = (scores.softmax(1)[:, None] @ padded).squeeze(1)
        assert set(POOLINGS) >= set(expected)
        for pooling, vectors_BD in expected.items():
            torch.testing.assert_close(bind(pooling)(hidden_TD, batch, encoder), vectors_BD, rtol=0, atol=1e-6)


def test_attention_begins_as_the_mean_and_bears_any_score(encoder):
    hidden_TD, batch = torch.randn(sum(LENGTHS), TINY.hidden_size), pack(random_sequences(TINY.vocab_size))
    (query_D,) = make_parameters("attention", TINY.hidden_size).values()
    vectors_BD = POOLINGS["attention"](hidden_TD, batch, encoder, query_D)
    torch.testing.assert_close(vectors_BD, POOLINGS["mean"](hidden_TD, batch, encoder))
    vectors_BD.square().sum().backward()
    assert query_D.grad.any()
    assert POOLINGS["attention"](hidden_TD, batch, encoder, 1e4 * torch.ones_like(query_D)).isfinite().all()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_pooling_gives_finite_vectors_of_each_sequence_alone(encoder, pooling):
    sequences = random_sequences(TINY.vocab_size)
    hidden_TD, batch = torch.randn(sum(LENGTHS), TINY.hidden_size), pack(sequences)
    pool = bind(pooling)
    vectors_BD = pool(hidden_TD.bfloat16(), batch, encoder)
    assert (vectors_BD.shape, vectors_BD.dtype) == ((len(LENGTHS), TINY.hidden_size), torch.float32)
    assert vectors_BD.isfinite().all()
    changed_TD = hidden_TD.clone()
    changed_TD[batch.bounds_B1[3] : batch.bounds_B1[4]] += 1
    same = (pool(changed_TD.bfloat16(), batch, encoder) == vectors_BD).all(dim=1)
    assert same.tolist() == [number != 3 for number in range(len(LENGTHS))]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_pooling_passes_the_right_gradient(encoder, pooling):
    batch = pack([[1, 2, 3], [4], [5, 6]])
    hidden_TD = torch.randn(6, TINY.hidden_size, dtype=torch.float64, requires_grad=True)
    encoder.double()
    pool = bind(pooling, torch.float64)
    names = list(pool.keywords)
    learned = [value.requires_grad_() for value in pool.keywords.values()]
    assert torch.autograd.gradcheck(
        lambda hidden, *learned: pool(hidden, batch, encoder, **dict(zip(names, learned, strict=True))),
        (hidden_TD, *learned),
    )


def test_a_sequence_that_is_too_long_is_an_error_that_names_it(encoder):
    assert encoder(pack([[1] * 32])).shape == (32, TINY.hidden_size)
    with pytest.raises(ValueError, match="sequence 1 has 33 tokens: at most 32"):
        encoder(pack([[1], [1] * 33]))


def test_initial_values():
    torch.manual_seed(0)
    encoder = MiniBert(replace(TINY, vocab_size=5000, num_layers=1))
    assert encoder.word_embeddings.weight.std().item() == pytest.approx(INITIAL_STD, rel=0.02)
    for name, parameter in encoder.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
        elif "norm" in name:
            assert (parameter == 1).all(), name
        else:
            assert parameter.std().item() == pytest.approx(INITIAL_STD, rel=0.15), name


def test_dropout_is_where_bert_has_it(monkeypatch):
    """Once on the embeddings and twice a layer, with the configuration's probability; attention's has its own."""
    probabilities = []
    draw = kernels.draw_mask

    def record(like, probability):
        probabilities.append(probability)
        return draw(like, probability)

    monkeypatch.setattr(kernels, "draw_mask", record)
    MiniBert(replace(TINY, hidden_dropout=0.1, attention_dropout=0.2))(pack([[1, 2, 3]]))
    assert probabilities == [0.1] + [0.2, 0.1, 0.1] * TINY.num_layers


def test_bf16_layers_are_near_fp32_and_give_fp32_gradients(encoder):
    batch = pack(random_sequences(TINY.vocab_size))
    exact = encoder(batch)
    encoder.compute_dtype = torch.bfloat16
    low = encoder(batch)
    assert low.dtype == torch.bfloat16 and POOLINGS["pooler"](low, batch, encoder).dtype == torch.float32
    error = (low.float() - exact).norm() / exact.norm()
    assert 1e-4 < error < 0.03
    POOLINGS["pooler"](low, batch, encoder).sum().backward()
    assert {parameter.grad.dtype for parameter in encoder.parameters()} == {torch.float32}


def test_dropout_acts_in_training_alone():
    torch.manual_seed(0)
    batch = pack(random_sequences(TINY.vocab_size))
    for dropped in ("hidden_dropout", "attention_dropout"):
        encoder = MiniBert(replace(TINY, **{dropped: 0.1}))
        assert not torch.equal(encoder.train()(batch), encoder(batch)), dropped
        assert torch.equal(encoder.eval()(batch), encoder(batch)), dropped
