"""Easy data augmentation (Wei and Zou 2019, section 2) without its thesaurus: words swapped or words deleted.

Synonyms need a WordNet. A sentence gets one of the two each time that it is drawn; the paper makes copies beforehand.
"""

from typing import Annotated

import numpy as np

from model.registry import Bounds


def augment(
    words: list[list[int]],
    generator: np.random.Generator,
    *,
    swap: Annotated[float, Bounds(0, 1)] = 0.1,
    delete: Annotated[float, Bounds(0, 1)] = 0.1,
) -> list[list[int]]:
    """One of the operations whose rate is above 0, of n words and each as likely as the other.

    swap: two words change places as often as n draws of this probability succeed, in the mean the paper's swap n.
    delete: each word is left out with this probability; if all were, a random one stays.
    """
    operations = [name for name, rate in (("swap", swap), ("delete", delete)) if rate > 0]
    operation = operations[generator.integers(len(operations))] if operations else None
    if operation == "delete":
        kept = [word for word, draw in zip(words, generator.random(len(words)), strict=True) if draw >= delete]
        return kept or [words[generator.integers(len(words))]]
    words = list(words)
    if operation == "swap" and len(words) > 1:
        for _ in range(generator.binomial(len(words), swap)):
            i, j = generator.choice(len(words), 2, replace=False)
            words[i], words[j] = words[j], words[i]
    return words
