"""The two ways in which the course cleans a text before WordPiece (its datasets.py), and none.

A vocabulary that knows upper case keeps it: the course's lower-casing is left out where `lowercase` is false.
"""

from collections.abc import Callable

# The course's preprocess_string puts a space before these, in pairs only.
_SPACED = (".", "?", ",", "'")


def clean_sentence(text: str, lowercase: bool = True) -> str:
    """Lower case without white space around it: the course's SST and CFIMDB."""
    return (text.lower() if lowercase else text).strip()


def clean_pair(text: str, lowercase: bool = True) -> str:
    """Lower case, a space before `. ? , '`, white space collapsed: the course's Quora and STS."""
    text = text.lower() if lowercase else text
    for mark in _SPACED:
        text = text.replace(mark, f" {mark}")
    return " ".join(text.split())


def clean_none(text: str, lowercase: bool = True) -> str:
    """The text as it is."""
    return text


CLEANINGS: dict[str, Callable[[str, bool], str]] = {"sentence": clean_sentence, "pair": clean_pair, "none": clean_none}


def choose_cleaning(name: str) -> Callable[[str, bool], str]:
    """The cleaning of that name, `(text, lowercase) -> text`; one that is not there is a `ValueError`."""
    if name not in CLEANINGS:
        raise ValueError(f"cleaning {name!r} is not one of {', '.join(CLEANINGS)}")
    return CLEANINGS[name]
