"""Sentences to WordPiece ids as BERT has them: Chinese characters apart; uncased, lower case without accents."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import BertWordPieceTokenizer

from pipeline.data.cleaning import choose_cleaning

# Encodings are a hundred times larger than the ids kept of them, so they are made and dropped in chunks.
CHUNK_SENTENCES = 10_000


@dataclass(frozen=True)
class TokenizedSentences:
    """`ids[i]` are sentence i's token ids, [CLS] and [SEP] included; `num_truncated` sentences were cut."""

    ids: list[list[int]]
    num_truncated: int


class Tokenizer:
    """WordPiece with a vocabulary; a sentence becomes [CLS] ... [SEP], at most `max_length` tokens.

    `lowercase` is for an uncased vocabulary: text is lower-cased and loses its accents. A vocabulary that cannot be
    read is a `ValueError` naming the file. It may be used from several threads at once.
    """

    def __init__(self, vocab_path: Path, max_length: int, lowercase: bool = True) -> None:
        if max_length < 2:
            raise ValueError(f"max_length is {max_length}, but [CLS] and [SEP] alone are 2 tokens")
        if not Path(vocab_path).is_file():
            raise ValueError(f"{vocab_path}: no such file")
        try:
            self._word_piece = BertWordPieceTokenizer(str(vocab_path), lowercase=lowercase)
        except Exception as error:  # tokenizers raises nothing more special
            raise ValueError(f"{vocab_path}: not a BERT vocabulary ({error})") from None
        self._word_piece.enable_truncation(max_length)
        self.lowercase = lowercase

    def tokenize(self, sentences: Sequence[str], cleaning: str) -> TokenizedSentences:
        """Clean and tokenise sentences; `cleaning` is a key of `CLEANINGS`."""
        clean = choose_cleaning(cleaning)
        ids: list[list[int]] = []
        num_truncated = 0
        for start in range(0, len(sentences), CHUNK_SENTENCES):
            cleaned = [clean(sentence, self.lowercase) for sentence in sentences[start : start + CHUNK_SENTENCES]]
            for encoding in self._word_piece.encode_batch(cleaned):
                ids.append(encoding.ids)
                num_truncated += bool(encoding.overflowing)
        return TokenizedSentences(ids, num_truncated)
