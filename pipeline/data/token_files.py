"""One split of one task as token files: flat arrays that are memory-mapped, so opening a split costs nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.files.atomic import atomic_folder, read_json, write_json

VERSION = 1
META = ("version", "sentences_per_example", "labelled")


@dataclass(frozen=True)
class TokenSet:
    """A split: `num_examples` examples of `sentences_per_example` sentences; sentence s of example i is entry i*S+s.

    `labels` is float32 of shape (num_examples,), None for a split without labels; `ids` are the rows' ids;
    `lengths` int64 of shape (num_examples * S,) counts each sentence's tokens.
    """

    ids: list[str]
    labels: np.ndarray | None
    sentences_per_example: int
    tokens: np.ndarray
    offsets: np.ndarray

    @property
    def num_examples(self) -> int:
        return len(self.ids)

    @property
    def num_tokens(self) -> int:
        return len(self.tokens)

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)

    def sentences(self, indices: Sequence[int]) -> list[list[int]]:
        """The token ids of these examples: all their first sentences, then all second ones."""
        num_sentences = self.sentences_per_example
        return [self._sentence(int(i) * num_sentences + s) for s in range(num_sentences) for i in indices]

    def _sentence(self, entry: int) -> list[int]:
        if not 0 <= entry < len(self.offsets) - 1:
            raise IndexError(f"sentence {entry}, but there are {len(self.offsets) - 1}")
        return self.tokens[self.offsets[entry] : self.offsets[entry + 1]].tolist()


def make_token_set(
    sentences: list[list[int]], labels: list[float] | None, ids: list[str], sentences_per_example: int
) -> TokenSet:
    """A split in memory; sentence s of example i is `sentences[i * sentences_per_example + s]`.

    Counts that do not fit together are a `ValueError`.
    """
    if not ids:
        raise ValueError("there are no examples")
    if len(sentences) != len(ids) * sentences_per_example:
        expected = f"{len(ids)} ids x {sentences_per_example} per example"
        raise ValueError(f"{len(sentences)} sentences do not fit {expected}")
    if labels is not None and len(labels) != len(ids):
        raise ValueError(f"{len(labels)} labels for {len(ids)} ids")
    for entry, sentence in enumerate(sentences):
        if not sentence:
            raise ValueError(f"sentence {entry} (id {ids[entry // sentences_per_example]}) has no tokens")
    offsets = np.zeros(len(sentences) + 1, dtype=np.int64)
    np.cumsum([len(sentence) for sentence in sentences], out=offsets[1:])
    tokens = np.fromiter((token for sentence in sentences for token in sentence), np.int32, count=int(offsets[-1]))
    float_labels = None if labels is None else np.asarray(labels, dtype=np.float32)
    return TokenSet(ids, float_labels, sentences_per_example, tokens, offsets)


def write_tokens(folder: Path, token_set: TokenSet) -> None:
    """Write a split's token files; the folder appears whole or not at all."""
    labelled = token_set.labels is not None
    with atomic_folder(folder) as temporary:
        np.save(temporary / "tokens.npy", token_set.tokens, allow_pickle=False)
        np.save(temporary / "offsets.npy", token_set.offsets, allow_pickle=False)
        if labelled:
            np.save(temporary / "labels.npy", token_set.labels, allow_pickle=False)
        write_json(temporary / "ids.json", token_set.ids)
        meta = {"version": VERSION, "sentences_per_example": token_set.sentences_per_example, "labelled": labelled}
        write_json(temporary / "meta.json", meta)


def read_tokens(folder: Path) -> TokenSet:
    """Open a split that `write_tokens` wrote; files that do not fit together are a `ValueError` naming the folder."""
    folder = Path(folder)
    meta, ids = read_json(folder / "meta.json"), read_json(folder / "ids.json")
    version, num_sentences, labelled = map(meta.get, META) if isinstance(meta, dict) else (None, None, None)
    if version != VERSION:
        raise ValueError(f"{folder / 'meta.json'}: version is {version!r}, allowed is {VERSION}")
    if type(num_sentences) is not int or num_sentences < 1 or type(labelled) is not bool:
        raise ValueError(f"{folder / 'meta.json'}: allowed: {', '.join(META)}")
    if not isinstance(ids, list) or not all(isinstance(name, str) for name in ids):
        raise ValueError(f"{folder / 'ids.json'}: allowed: a list of texts")
    token_set = TokenSet(
        ids=ids,
        labels=_open_array(folder / "labels.npy", np.float32) if labelled else None,
        sentences_per_example=num_sentences,
        tokens=_open_array(folder / "tokens.npy", np.int32),
        offsets=_open_array(folder / "offsets.npy", np.int64),
    )
    if len(token_set.offsets) != token_set.num_examples * token_set.sentences_per_example + 1:
        raise ValueError(f"{folder}: {len(token_set.offsets)} offsets do not fit {token_set.num_examples} ids")
    if token_set.offsets[0] != 0 or (token_set.lengths < 1).any():
        raise ValueError(f"{folder / 'offsets.npy'}: allowed: numbers from 0 upwards, each larger than the last")
    if token_set.offsets[-1] != token_set.num_tokens:
        raise ValueError(f"{folder}: offsets end at {token_set.offsets[-1]}, tokens at {token_set.num_tokens}")
    if token_set.labels is not None and len(token_set.labels) != token_set.num_examples:
        raise ValueError(f"{folder}: {len(token_set.labels)} labels for {token_set.num_examples} ids")
    return token_set


def _open_array(path: Path, dtype: type) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except Exception as error:  # numpy reads the header by Python's own tokenizer and parser, and raises what they do
        raise ValueError(f"{path}: not an array file ({error})") from None
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype != dtype:
        raise ValueError(f"{path}: allowed: one dimension of {dtype.__name__}")
    return array
