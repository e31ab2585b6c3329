"""Verdicts on single cells: what is called what, and what each number means."""

import numpy as np
import pytest

from pipeline.gate.cells import Cell
from pipeline.gate.verdicts import _measure_spread, judge
from pipeline.statistics.samples import measure
from studies.retrains import TASKS, draw_seeds, predict, share_difficulty

METRICS = {name: task.metric for name, task in TASKS.items()}
MARGINS = {"sst": 0.02, "para": 0.005, "sts": 0.015, "cfimdb": 0.02}
SEED_SD = {"sst": 0.006, "para": 0.0025, "sts": 0.007, "cfimdb": 0.007}


def make_cell(task="para", difference=0.0, seeds=(3, 3), row="row", rng_seed=0, seed_sd=None) -> Cell:
    rng, kind = np.random.default_rng(rng_seed), TASKS[task]
    labels_N, shared_N = share_difficulty(rng, kind)
    sides = []
    for num_seeds, shift in zip(seeds, (0.0, difference), strict=True):
        deviation = kind.seed_sd if seed_sd is None else seed_sd
        drawn = draw_seeds(rng, kind, num_seeds)
        scores_S = kind.score + shift + deviation * drawn.quality_S
        sides.append(predict(kind, labels_N, shared_N, scores_S, drawn.own_SN))
    return Cell("phase2", row, task, labels_N, *sides)


def judge_cells(*cells, margins=MARGINS):
    return judge(list(cells), METRICS, margins, SEED_SD)


@pytest.mark.parametrize("task", TASKS)
def test_a_large_drop_is_regressed_and_a_large_gain_improved(task):
    shift = {"cfimdb": 0.2}.get(task, 0.08)
    (drop,) = judge_cells(make_cell(task, -shift))
    assert drop.verdict == "regressed"
    assert drop.difference == pytest.approx(-shift, abs=0.03)
    assert drop.low < drop.difference < drop.high < 0
    assert drop.p_drop < 0.05 < drop.p_gain
    backwards = make_cell(task, -shift)
    swapped = Cell("phase2", "row", task, backwards.labels_N, backwards.current_SN, backwards.baseline_SN)
    (gain,) = judge_cells(swapped)
    assert gain.verdict == "improved"
    assert gain.difference == pytest.approx(-drop.difference)


def test_a_drop_within_the_margin_is_no_regression_however_certain():
    cell = make_cell("para", -0.03, seeds=(5, 5), seed_sd=0.0005)
    (verdict,) = judge_cells(cell, margins=MARGINS | {"para": 0.06})
    assert (verdict.verdict, verdict.p_drop < 0.001) == ("equivalent", True)


def test_equal_retrains_of_a_quiet_task_are_equivalent_and_of_a_loud_one_inconclusive():
    (quiet,) = judge_cells(make_cell("para", seeds=(5, 5), seed_sd=0.0), margins=MARGINS | {"para": 0.01})
    assert quiet.verdict == "equivalent"
    (loud,) = judge_cells(make_cell("sst", seed_sd=0.08))
    assert loud.verdict == "inconclusive"


def test_only_what_changed_is_counted_by_holm():
    changed = make_cell("sst", -0.05)
    same = make_cell("sst", row="same")
    same = Cell("phase2", "same", "sst", same.labels_N, same.baseline_SN, same.baseline_SN)
    alone, among_same = judge_cells(changed)[0], judge_cells(changed, *[same] * 20)[0]
    among_changed = judge_cells(changed, *(make_cell("para", row=f"r{seed}", rng_seed=seed) for seed in range(20)))[0]
    assert among_changed.p_drop > 5 * alone.p_drop
    assert among_changed.smallest_drop > alone.smallest_drop
    assert among_same.smallest_drop < among_changed.smallest_drop


def test_the_same_runs_on_both_sides_tell_of_seeds_once():
    cell = make_cell("sst", row="same")
    same = Cell("phase2", "same", "sst", cell.labels_N, cell.baseline_SN, cell.baseline_SN)
    for rows, degrees in ((same, 2), (cell, 4)):
        pair = [measure("accuracy", rows.labels_N, side_SN) for side_SN in (rows.baseline_SN, rows.current_SN)]
        assert _measure_spread(rows, pair).degrees == degrees


@pytest.mark.parametrize("values", [(1.0, 2.0), (1.0, 1.0)])
def test_two_collapsed_sides_are_no_comparison(values):
    cell, other = make_cell("sts"), make_cell("sst", -0.05)
    sides = [np.full_like(cell.baseline_SN, value) for value in values]
    verdict, among = judge_cells(Cell("phase2", "row", "sts", cell.labels_N, *sides), other)
    assert (verdict.verdict, verdict.difference, verdict.low, verdict.high) == ("both collapsed", None, None, None)
    assert not verdict.is_newly_collapsed
    assert among.p_drop == judge_cells(other)[0].p_drop, "Holm does not count it"


def test_the_smallest_drop_is_caught_four_times_out_of_five():
    """Where the seeds' deviation is what was expected."""
    margins = MARGINS | {"sst": 0.005}
    expected = np.median([judge_cells(make_cell("sst", rng_seed=seed), margins=margins)[0].smallest_drop
                          for seed in range(40)])  # fmt: skip
    caught = [judge_cells(make_cell("sst", -expected, rng_seed=1000 + seed), margins=margins)[0].verdict == "regressed"
              for seed in range(200)]  # fmt: skip
    assert 0.7 <= np.mean(caught) <= 0.92


def test_identical_predictions_are_equivalent_with_nothing_between_them():
    cell = make_cell("sst", seed_sd=0.05)
    same = Cell("phase2", "row", "sst", cell.labels_N, cell.baseline_SN, cell.baseline_SN[::-1])
    (verdict,) = judge_cells(same)
    assert verdict.verdict == "equivalent"
    assert (verdict.difference, verdict.low, verdict.high, verdict.smallest_drop) == (0, 0, 0, None)
    assert verdict.note == "identical predictions"


def test_constant_predictions_score_0_and_are_noted():
    cell = make_cell("sts")
    constant = Cell("phase2", "row", "sts", cell.labels_N, cell.baseline_SN, np.full_like(cell.current_SN, 2.5))
    (verdict,) = judge_cells(constant)
    assert (verdict.current, verdict.verdict) == (0, "regressed")
    assert verdict.note == "current: collapsed in 3 of 3 seeds"
    assert verdict.is_newly_collapsed and (verdict.baseline_collapsed, verdict.current_collapsed) == (0, 3)


def test_more_seeds_see_smaller_drops():
    drops = [judge_cells(make_cell("sst", seeds=seeds))[0].smallest_drop for seeds in ((1, 1), (1, 3), (3, 3), (5, 5))]
    assert drops == sorted(drops, reverse=True)
    assert drops[0] > 1.5 * drops[-1]
