"""Holm's correction for many comparisons (Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure")."""

import numpy as np


def adjust(p_values: list[float]) -> list[float]:
    """Adjusted p-values: below a level in at most that share of families of true null hypotheses, however dependent."""
    ordered = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[ordered] = np.minimum(np.maximum.accumulate(np.asarray(p_values)[ordered] * factors), 1.0)
    return adjusted.tolist()
