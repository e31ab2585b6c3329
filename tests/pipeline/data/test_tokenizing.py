"""Tokenising: golden ids with a small vocabulary, and equality with transformers where the real one is at hand."""

import pytest
import transformers

from pipeline.data.cleaning import CLEANINGS
from pipeline.data.reading import read_examples
from pipeline.data.tokenizing import Tokenizer

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "film", "##s", "cafe", "'", ".", "?", "中", "文"]
TRICKY = [
    "",
    " ",
    "NA",
    "naïve café RÉSUMÉ Ångström",
    "中文 mixed with 日本語 text",
    "don't can't it's ''quoted'' ``so''",
    "well-known co-writer\\/director e.g. U.S.A.",
    "antidisestablishmentarianism" * 8,
    "emoji 🎬 and \u200b zero width \ufffd \x00 control",
    "tabs\tand\nnew lines\r\n",
    "[MASK] [SEP] literal tokens",
    "1,000.50 $ 3/4 ½ ２",
    "İstanbul ß ﬁ",
]


@pytest.fixture
def vocab_path(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(VOCAB) + "\n", encoding="utf-8")
    return path


def as_tokens(ids: list[int]) -> list[str]:
    return [VOCAB[i] for i in ids]


def test_lower_case_accents_chinese_and_pieces(vocab_path):
    tokenized = Tokenizer(vocab_path, 512).tokenize(["A CAFÉ's Films 中文x?"], "none")
    words = ["[CLS]", "a", "cafe", "'", "[UNK]", "film", "##s", "中", "文", "[UNK]", "?", "[SEP]"]
    assert as_tokens(tokenized.ids[0]) == words
    assert tokenized.num_truncated == 0


def test_an_empty_sentence_is_cls_and_sep(vocab_path):
    assert Tokenizer(vocab_path, 512).tokenize(["", "  "], "pair").ids == [[2, 3], [2, 3]]


def test_truncation_keeps_sep_and_counts_only_what_was_cut(vocab_path):
    tokenized = Tokenizer(vocab_path, 5).tokenize(["a a a a", "a a", "a a a"], "none")
    assert [as_tokens(ids) for ids in tokenized.ids] == [
        ["[CLS]", "a", "a", "a", "[SEP]"],
        ["[CLS]", "a", "a", "[SEP]"],
        ["[CLS]", "a", "a", "a", "[SEP]"],
    ]
    assert tokenized.num_truncated == 1


def test_wrong_arguments_are_named(vocab_path, tmp_path):
    with pytest.raises(ValueError, match="cleaning 'pairs' is not one of sentence, pair, none"):
        Tokenizer(vocab_path, 512).tokenize(["a"], "pairs")
    with pytest.raises(ValueError, match="max_length is 1"):
        Tokenizer(vocab_path, 1).tokenize(["a"], "pair")
    with pytest.raises(ValueError, match="absent.txt: no such file"):
        Tokenizer(tmp_path / "absent.txt", 512).tokenize(["a"], "pair")
    (tmp_path / "other.txt").write_text("a\nb\n")
    with pytest.raises(ValueError, match="other.txt: not a BERT vocabulary"):
        Tokenizer(tmp_path / "other.txt", 512).tokenize(["a"], "pair")


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("cleaning", CLEANINGS)
def test_tricky_text_equals_transformers(minilm_folder, cleaning, lowercase):
    check_against_transformers([*TRICKY, "word " * 600], minilm_folder / "vocab.txt", cleaning, lowercase)


def test_a_cased_vocabulary_tells_cases_apart(vocab_path):
    sentences = ["a film", "A Film"]
    for cleaning in CLEANINGS:
        ids = Tokenizer(vocab_path, 512, lowercase=False).tokenize(sentences, cleaning).ids
        assert as_tokens(ids[0]) == ["[CLS]", "a", "film", "[SEP]"]
        assert as_tokens(ids[1]) == ["[CLS]", "[UNK]", "[UNK]", "[SEP]"]


@pytest.mark.parametrize("cleaning", CLEANINGS)
def test_real_text_equals_transformers(minilm_folder, mirror, cleaning):
    sst = read_examples(mirror / "ids-sst-dev.csv", ["sentence"], None, None).flat_sentences[:250]
    quora = read_examples(mirror / "quora-dev.csv", ["sentence1", "sentence2"], None, None).flat_sentences[:250]
    check_against_transformers([*sst, *quora, "word " * 600], minilm_folder / "vocab.txt", cleaning)


def check_against_transformers(sentences, vocab, cleaning, lowercase=True):
    reference = transformers.BertTokenizerFast(vocab=str(vocab), do_lower_case=lowercase)
    cleaned = [CLEANINGS[cleaning](sentence, lowercase) for sentence in sentences]
    tokenized = Tokenizer(vocab, 512, lowercase).tokenize(sentences, cleaning)
    assert tokenized.ids == reference(cleaned, truncation=True, max_length=512)["input_ids"]
    assert (tokenized.num_truncated, len(tokenized.ids[-1])) == (1, 512)
