"""Sentences to WordPiece ids as bert-base-uncased has them: lower case, accents stripped, Chinese characters apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import BertWordPieceTokenizer

from pipeline.corpora.cleaning import CLEANINGS

# Encodings are a hundred times larger than the ids kept of them, so they are made and dropped in chunks.
CHUNK_SENTENCES = 10_000


@dataclass(frozen=True)
class TokenizedSentences:
    """`ids[i]` are sentence i's token ids, [CLS] and [SEP] included; `num_truncated` sentences were cut."""

    ids: list[list[int]]
    num_truncated: int


def tokenize(sentences: Sequence[str], vocab_path: Path, cleaning: str, max_length: int) -> TokenizedSentences:
    """Clean and tokenise sentences, each [CLS] ... [SEP] and at most `max_length` tokens long.

    `cleaning` is a key of `CLEANINGS`. A vocabulary that cannot be read is a `ValueError` naming the file.
    """
    if cleaning not in CLEANINGS:
        raise ValueError(f"cleaning {cleaning!r} is not one of {', '.join(CLEANINGS)}")
    if max_length < 2:
        raise ValueError(f"max_length is {max_length}, but [CLS] and [SEP] alone are 2 tokens")
    if not Path(vocab_path).is_file():
        raise ValueError(f"{vocab_path}: no such file")
    try:
        tokenizer = BertWordPieceTokenizer(str(vocab_path), lowercase=True)
    except TypeError as error:
        raise ValueError(f"{vocab_path}: not a BERT vocabulary ({error})") from None
    tokenizer.enable_truncation(max_length)
    clean = CLEANINGS[cleaning]
    ids: list[list[int]] = []
    num_truncated = 0
    for start in range(0, len(sentences), CHUNK_SENTENCES):
        cleaned = [clean(sentence) for sentence in sentences[start : start + CHUNK_SENTENCES]]
        for encoding in tokenizer.encode_batch(cleaned):
            ids.append(encoding.ids)
            num_truncated += bool(encoding.overflowing)
    return TokenizedSentences(ids, num_truncated)
