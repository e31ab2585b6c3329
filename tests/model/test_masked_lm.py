"""Masked language modelling: the loss and its gradients against transformers, the masking against its probabilities."""

import pytest
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file, save_file

from model.masked_lm import mask
from model.packing import pack
from model.pretrained import load_encoder, load_masked_lm, save_encoder

KEYS = {
    "vocab_size": 31,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 16,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
SENTENCES = [[2, 7, 8, 9, 3], [2, 10, 3], [2, 11, 12, 13, 14, 15, 3]]
MASK, IGNORED = 4, -100


@pytest.fixture
def theirs(tmp_path):
    """A tiny model with its head, every value random, in `tmp_path` by the names of transformers."""
    torch.manual_seed(0)
    model = transformers.BertForMaskedLM(transformers.BertConfig(**KEYS))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
    model.save_pretrained(tmp_path)
    change(tmp_path, lambda tensors: tensors.update(pooler()))
    return model


def pooler():
    return {"bert.pooler.dense.weight": torch.randn(12, 12), "bert.pooler.dense.bias": torch.randn(12)}


def change(folder, edit):
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors")


def draw(batch, fraction=0.5, seed=0, vocab_size=31):
    return mask(batch, MASK, vocab_size, fraction, torch.Generator().manual_seed(seed))


def test_the_loss_and_its_gradients_are_those_of_transformers(theirs, tmp_path):
    batch, places, originals = draw(pack(SENTENCES))
    ours = load_masked_lm(tmp_path)
    loss = F.cross_entropy(ours(batch, places), originals)
    loss.backward()

    ids, attended, labels = (torch.zeros(3, 7, dtype=torch.int64) for _ in range(3))
    labels += IGNORED
    flat = torch.full((batch.num_tokens,), IGNORED)
    flat[places] = originals
    for row, (start, end) in enumerate(zip(batch.bounds_B1[:-1], batch.bounds_B1[1:], strict=True)):
        ids[row, : end - start], labels[row, : end - start] = batch.ids_T[start:end], flat[start:end]
        attended[row, : end - start] = 1
    expected = theirs(input_ids=ids, attention_mask=attended, labels=labels).loss
    expected.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    pairs = {
        "bert.embeddings.word_embeddings.weight": ours.encoder.word_embeddings.weight,  # both ends of the model
        "cls.predictions.bias": ours.bias,
        "cls.predictions.transform.dense.weight": ours.dense.weight,
        "cls.predictions.transform.LayerNorm.weight": ours.norm.weight,
    }
    found = dict(theirs.named_parameters())
    for name, parameter in pairs.items():
        torch.testing.assert_close(parameter.grad, found[name].grad, rtol=1e-4, atol=1e-6)


def test_a_head_by_the_names_of_2018_is_read_and_one_that_is_not_there_is_drawn(theirs, tmp_path):
    expected = load_masked_lm(tmp_path).state_dict()

    def rename(tensors):
        for name in [name for name in tensors if "LayerNorm" in name]:
            tensors[name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta")] = tensors.pop(name)

    change(tmp_path, rename)
    assert all(torch.equal(expected[name], tensor) for name, tensor in load_masked_lm(tmp_path).state_dict().items())
    change(tmp_path, lambda tensors: [tensors.pop(name) for name in list(tensors) if name.startswith("cls.")])
    new = [load_masked_lm(tmp_path) for _ in range(2)]
    assert not torch.equal(new[0].dense.weight, new[1].dense.weight) and not new[0].bias.any()


def test_half_a_head_and_one_of_another_shape_are_errors_that_name_the_tensor(theirs, tmp_path):
    name = "cls.predictions.transform.dense.bias"
    change(tmp_path, lambda tensors: tensors.update({name: torch.zeros(5)}))
    with pytest.raises(ValueError, match=r"dense.bias has shape \[5\], not \[12\]"):
        load_masked_lm(tmp_path)
    change(tmp_path, lambda tensors: tensors.pop(name))
    with pytest.raises(ValueError, match=f"no tensor for {name}"):
        load_masked_lm(tmp_path)


def test_an_encoder_is_written_by_the_names_of_its_file_without_the_head(theirs, tmp_path):
    encoder, path = load_encoder(tmp_path), tmp_path / "model.safetensors"
    names = {name for name in load_file(path) if not name.startswith("cls.")}
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(1.0)
    save_encoder(encoder, path, path)
    assert set(load_file(path)) == names
    read = load_encoder(tmp_path).state_dict()
    assert all(torch.equal(read[name], tensor) for name, tensor in encoder.state_dict().items())


def test_masking_has_the_probabilities_of_the_paper():
    vocab_size, sentence = 1000, [2, *range(500, 560), 3]
    batch = pack([sentence] * 500)
    masked, places, originals = draw(batch, fraction=0.15, vocab_size=vocab_size)
    num_words, num_chosen = 500 * 60, len(places)
    assert abs(num_chosen / num_words - 0.15) < 4 * (0.15 * 0.85 / num_words) ** 0.5
    assert torch.equal(originals, batch.ids_T[places])
    after = masked.ids_T[places]
    shares = {
        0.8: after == MASK,
        0.1 * (1 - 2 / vocab_size): (after != originals) & (after != MASK),
        0.1 * (1 + 1 / vocab_size): after == originals,  # left, or drawn anew by chance
    }
    for share, found in shares.items():
        assert abs(found.float().mean() - share) < 4 * (share * (1 - share) / num_chosen) ** 0.5
    words = after[shares[0.1 * (1 - 2 / vocab_size)]].float()
    assert words.min() < vocab_size * 0.05 and words.max() > vocab_size * 0.95  # of the whole vocabulary
    others = torch.ones(batch.num_tokens, dtype=torch.bool)
    others[places] = False
    assert torch.equal(masked.ids_T[others], batch.ids_T[others])


@pytest.mark.parametrize("fraction", [1e-9, 0.5, 0.999])
def test_the_ends_of_a_sentence_stay_and_something_is_always_masked(fraction):
    for seed in range(20):
        masked, places, _ = draw(pack(SENTENCES), fraction, seed)
        assert len(places) >= 1 and (fraction > 0.1 or len(places) == 1)
        for bounds in (masked.bounds_B1[:-1], masked.bounds_B1[1:] - 1):
            assert set(masked.ids_T[bounds].tolist()) in ({2}, {3}) and not set(bounds.tolist()) & set(places.tolist())


def test_the_same_generator_draws_the_same_and_another_not():
    draws = [draw(pack(SENTENCES), seed=seed)[0].ids_T.tolist() for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
