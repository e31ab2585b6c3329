"""What heads take: pairs joined as BERT joins them, held to transformers' BertModel, and a layer that tasks share."""

from dataclasses import replace

import pytest
import torch
import transformers
from torch import nn

from model.bert import MiniBert
from model.heads import HEADS, TaskShape
from model.multitask import MultitaskModel
from model.packing import pack
from model.reading import joined, pair
from model.reading.joined import shorten
from tests.model.test_bert import TINY, load_both, pad, save_random_bert

SHAPES = {"para": TaskShape(2, 2), "sts": TaskShape(2, None, (0, 5))}
CLS, SEP = 1, 2
FIRST = [[CLS, 5, 6, 7, SEP], [CLS, SEP], [CLS, 8, SEP]]
SECOND = [[CLS, 9, SEP], [CLS, 10, 11, SEP], [CLS, SEP]]


def build(kind: str, encoder: MiniBert | None = None, pooling: str = "cls", width: int = 16) -> MultitaskModel:
    """Both tasks with a kind of head: joined or shared_pair."""
    torch.manual_seed(0)
    encoder = encoder or MiniBert(TINY)
    layer = pair.Layer(TINY.hidden_size, width, 0.0) if kind == "shared_pair" else None
    size = width if layer else TINY.hidden_size
    names = {"para": f"{kind}_classify", "sts": f"{kind}_regression"}
    heads = {task: HEADS[name](SHAPES[task], size, width, 0.0) for task, name in names.items()}
    return MultitaskModel(encoder, heads, SHAPES, pooling, layer)


def shorten_slowly(first: int, second: int, limit: int) -> tuple[int, int]:
    """Token by token, off the longer."""
    while first + second > limit:
        first, second = (first - 1, second) if first > second else (first, second - 1)
    return first, second


def test_a_pair_that_is_too_long_loses_tokens_of_its_longer_sentence():
    for limit in range(10):
        for first in range(14):
            for second in range(14):
                assert shorten(first, second, limit) == shorten_slowly(first, second, limit), (first, second, limit)


def rows(tensor_T: torch.Tensor, lengths: tuple[int, ...]) -> list[list[int]]:
    return [part.tolist() for part in tensor_T.split(lengths)]


def test_pairs_are_joined_with_one_cls_two_seps_and_types():
    batch = joined.pack([*FIRST, *SECOND], 32)
    assert rows(batch.ids_T, batch.lengths) == [
        [CLS, 5, 6, 7, SEP, 9, SEP],
        [CLS, SEP, 10, 11, SEP],
        [CLS, 8, SEP, SEP],
    ]
    assert rows(batch.types_T, batch.lengths) == [[0, 0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 1], [0, 0, 0, 1]]
    assert rows(batch.positions_T, batch.lengths) == [[*range(7)], [*range(5)], [*range(4)]]
    short = joined.pack([*FIRST, *SECOND], 5)
    assert rows(short.ids_T, short.lengths) == [[CLS, 5, SEP, 9, SEP], [CLS, SEP, 10, 11, SEP], [CLS, 8, SEP, SEP]]
    assert rows(short.types_T, short.lengths) == [[0, 0, 0, 1, 1], [0, 0, 1, 1, 1], [0, 0, 0, 1]]
    with pytest.raises(ValueError, match="3 sentences make no pairs"):
        joined.pack(FIRST, 32)


@pytest.mark.parametrize("kind", ["joined", "shared_pair"])
@pytest.mark.parametrize("max_tokens", [5, 32])
def test_the_tokens_that_are_counted_are_those_that_are_packed(kind, max_tokens):
    model = build(kind, MiniBert(replace(TINY, max_positions=max_tokens)))
    lengths_nS = torch.tensor([[len(first), len(second)] for first, second in zip(FIRST, SECOND, strict=True)])
    found = [model.pack("sts", [first, second]).num_tokens for first, second in zip(FIRST, SECOND, strict=True)]
    assert model.count_tokens("sts", lengths_nS).tolist() == found


@pytest.fixture
def both(tmp_path):
    torch.manual_seed(0)
    save_random_bert(TINY, tmp_path)
    return load_both(tmp_path)


def test_a_cross_encoder_equals_transformers_on_padded_pairs(both):
    """Output, and gradients of every parameter, the two token types' among them."""
    ours, theirs = both
    model = build("joined", ours, pooling="pooler")
    pairs = [[*first, *second[1:]] for first, second in zip(FIRST, SECOND, strict=True)]
    ids, mask = pad(pairs)
    types = (torch.arange(ids.shape[1]) >= torch.tensor([len(first) for first in FIRST])[:, None]).long() * mask
    head = model.heads["sts"]
    expected_n = head((theirs(ids, attention_mask=mask, token_type_ids=types).pooler_output,))
    labels_n = torch.tensor([1.0, 2.0, 5.0])
    head.loss(expected_n, labels_n).backward()
    output_n = model("sts", model.pack("sts", [*FIRST, *SECOND]))
    head.loss(output_n, labels_n).backward()
    torch.testing.assert_close(output_n, expected_n, rtol=0, atol=2e-5)
    for (name, our), their in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        scale = their.grad.abs().max().clamp(min=1.0)
        torch.testing.assert_close(our.grad / scale, their.grad / scale, rtol=0, atol=2e-5, msg=name)
    assert ours.token_type_embeddings.weight.grad.any(dim=1).all()


def test_a_pair_is_read_as_transformers_tokenizer_writes_it(tmp_path):
    words = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]", *"abcdefghij"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    tokenizer = transformers.BertTokenizerFast(str(tmp_path / "vocab.txt"))
    for texts in (("a b c d", "e f"), ("a", "b c d e f g h"), ("a b c d e", "f g h")):
        batch = joined.pack([tokenizer(text)["input_ids"] for text in texts], 8)
        expected = tokenizer(*texts, truncation="longest_first", max_length=8)
        assert batch.ids_T.tolist() == expected["input_ids"]
        assert batch.types_T.tolist() == expected["token_type_ids"]


def test_the_pair_layer_by_hand():
    model = build("shared_pair")
    first_nD, second_nD = model.encode(pack(FIRST)), model.encode(pack(SECOND))
    linear = model.pair_layer.linear
    u, v, gap, product = linear.weight.split(TINY.hidden_size, dim=1)
    pairs_nW = first_nD @ u.T + second_nD @ v.T + (first_nD - second_nD).abs() @ gap.T
    pairs_nW = (pairs_nW + (first_nD * second_nD) @ product.T + linear.bias).clamp(min=0)
    for task, head in model.heads.items():
        output = model(task, model.pack(task, [*FIRST, *SECOND]))
        torch.testing.assert_close(output, head((pairs_nW,)))


def test_the_pair_layer_is_shared_and_a_part_of_the_model_only_where_it_is_taken():
    model = build("shared_pair")
    layer, encoder = list(model.pair_layer.parameters()), list(model.encoder.parameters())[:-2]
    for tasks in (["para"], ["sts"], ["para", "sts"], None):
        assert model.shared_parameters(tasks) == [*encoder, *layer]
    assert model.shared_parameters([]) == encoder and model.pair_parameters([]) == []
    assert not set(layer) & {*model.head_parameters("para"), *model.head_parameters("sts")}
    assert build("joined").pair_layer is None
    with pytest.raises(ValueError, match="task para: its head takes the output of a pair layer, the model has none"):
        MultitaskModel(model.encoder, nn.ModuleDict(model.heads), SHAPES, "cls")


@pytest.mark.parametrize("kind", ["joined", "shared_pair"])
@pytest.mark.parametrize("task", SHAPES)
def test_shared_and_head_parameters_are_those_that_the_loss_reaches(kind, task):
    model = build(kind, pooling="attention")
    output = model(task, model.pack(task, [*FIRST, *SECOND]))
    model.heads[task].loss(output, torch.zeros(len(output))).backward()
    reached = {parameter for parameter in model.parameters() if parameter.grad is not None}
    assert reached == {*model.shared_parameters([task]), *model.head_parameters(task)}


@pytest.mark.parametrize("kind", ["joined", "shared_pair"])
@pytest.mark.parametrize("task", SHAPES)
def test_kept_vectors_give_the_same_output(kind, task):
    model = build(kind)
    batch = model.pack(task, [*FIRST, *SECOND])
    assert torch.equal(model.forward_head(task, model.encode(batch)), model(task, batch))
