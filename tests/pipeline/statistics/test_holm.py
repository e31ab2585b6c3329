"""Holm's correction, against a worked example and its promise."""

import numpy as np
import pytest

from pipeline.statistics.holm import adjust


def test_by_hand():
    assert adjust([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjust([0.6, 0.5]) == [1.0, 1.0]
    assert adjust([0.02]) == [0.02]
    assert adjust([]) == []


def test_the_share_of_families_with_a_false_alarm():
    families = np.random.default_rng(0).random((4000, 20))
    false_alarms = np.mean([min(adjust(family)) < 0.05 for family in families.tolist()])
    assert 0.04 <= false_alarms <= 0.06
