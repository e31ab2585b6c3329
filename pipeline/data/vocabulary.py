"""The word pieces of a vocab.txt, by their ids."""

from pathlib import Path

MASK = "[MASK]"
UNKNOWN = "[UNK]"
CONTINUES = "##"  # what a piece begins with that continues a word


def read_vocabulary(path: Path) -> list[str]:
    """A piece a line; only a line feed ends one, as some pieces are other line separators."""
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def find_mask(path: Path) -> int:
    """The id of [MASK]; a vocabulary without it is a `ValueError`."""
    pieces = read_vocabulary(path)
    if MASK not in pieces:
        raise ValueError(f"{path}: no {MASK}, which masked language modelling needs")
    return pieces.index(MASK)
