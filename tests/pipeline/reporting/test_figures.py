"""The figures: what is drawn is read off matplotlib's objects, what is written off the PNG's pixels."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import image

from pipeline.reporting import figures
from pipeline.reporting.figures import draw_conflicts, draw_curves
from pipeline.reporting.histories import CONFLICT_COLUMNS, CURVE_COLUMNS

DPI = 200


def make_curves() -> pd.DataFrame:
    """Phase 1 of two tasks, one leg each; sst is also evaluated, but not trained, in the leg of sts."""
    lines = []
    for seed, shift in ((0, 0.0), (1, 0.1)):
        for leg, task, metric in ((1, "sst", "accuracy"), (2, "sts", "pearson")):
            for epoch in (1, 2, 3):
                key = ("phase1", "sst_then_sts", seed, leg, epoch, task)
                lines.append((*key, "train", metric, 0.3 * epoch))
                lines.append((*key, "dev", metric, 0.5 - 0.1 * abs(epoch - 2) + shift))
        lines.append(("phase1", "sst_then_sts", seed, 2, 1, "sst", "dev", "accuracy", 0.9))
    return pd.DataFrame(lines, columns=list(CURVE_COLUMNS))


def make_conflicts() -> pd.DataFrame:
    lines = [
        ("phase2", row, seed, pair, step, 0.1 * seed + shift, 0.25 + 0.5 * seed)
        for shift, row in enumerate(("iteration_2", "iteration_3"))
        for seed in (0, 1)
        for pair in ("sst_para", "sst_sts", "para_sts")
        for step in (10, 20, 30)
    ]
    return pd.DataFrame(lines, columns=list(CONFLICT_COLUMNS))


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were drawn, before they became pixels."""
    seen = []
    finish = figures._finish
    monkeypatch.setattr(
        figures, "_finish", lambda path, figure, *rest: (seen.append(figure), finish(path, figure, *rest))
    )
    return seen


def draw_phase1(path, curves):
    draw_curves(path, curves, "phase1", "sst_then_sts", "Phase 1")


def test_curves_have_a_panel_per_task_with_mean_and_metric(tmp_path, drawn):
    draw_phase1(tmp_path / "figure.png", make_curves())
    sst, sts = drawn[0].axes
    assert [axes.get_title("left") for axes in (sst, sts)] == ["sst", "sts"]
    assert [axes.get_ylabel() for axes in (sst, sts)] == ["accuracy", "Pearson"]
    dev, ring, train = sst.lines
    assert list(dev.get_xdata()) == list(train.get_xdata()) == [1, 2, 3]
    assert list(dev.get_ydata()) == pytest.approx([0.45, 0.55, 0.45])  # without the .9 of the other task's leg
    assert list(train.get_ydata()) == pytest.approx([0.3, 0.6, 0.9])
    assert list(ring.get_xdata()) == [2]
    assert [tick for tick in sst.get_xticks() if tick % 1] == []


def test_band_goes_from_the_lowest_to_the_highest_seed(tmp_path, drawn):
    draw_phase1(tmp_path / "figure.png", make_curves())
    band = drawn[0].axes[0].collections[0].get_paths()[0].vertices
    assert sorted({round(y, 3) for x, y in band if x == 2}) == [0.5, 0.6]


def test_epochs_of_later_legs_are_counted_from_one(tmp_path, drawn):
    draw_phase1(tmp_path / "figure.png", make_curves())
    assert list(drawn[0].axes[1].lines[0].get_xdata()) == [1, 2, 3]


def test_conflicts_have_a_column_per_pair(tmp_path, drawn):
    draw_conflicts(tmp_path / "conflicts.png", make_conflicts())
    axes = drawn[0].axes
    assert [panel.get_title("left") for panel in axes[:3]] == ["sst and para", "sst and sts", "para and sts"]
    _zero_line, iteration_2, iteration_3 = axes[0].lines
    assert list(iteration_2.get_xdata()) == [10, 20, 30]
    assert list(iteration_2.get_ydata()) == pytest.approx([0.05] * 3)
    assert list(iteration_3.get_ydata()) == pytest.approx([1.05] * 3)
    assert [label.get_text() for label in axes[3].get_yticklabels()] == ["iteration_2", "iteration_3"]
    share, seeds, _ = axes[3].lines[:3]
    assert list(share.get_xdata()) == pytest.approx([0, 0.5])
    assert list(seeds.get_xdata()) == pytest.approx([0.25, 0.75])


def test_smoothing_is_a_centred_mean_of_five_windows(tmp_path, drawn):
    values = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    lines = [("phase2", "row", 0, "sst_para", step, value, 0.5) for step, value in enumerate(values)]
    draw_conflicts(tmp_path / "conflicts.png", pd.DataFrame(lines, columns=list(CONFLICT_COLUMNS)))
    smooth = drawn[0].axes[0].lines[1].get_ydata()
    assert list(smooth) == pytest.approx([0, 0.25, 0.2, 0.2, 0.2, 0.25, 0])


def test_many_rows_all_look_different(tmp_path, drawn):
    lines = [("phase2", f"row_{i}", 0, "sst_para", step, i / 20, 0.5) for i in range(20) for step in (1, 2)]
    draw_conflicts(tmp_path / "conflicts.png", pd.DataFrame(lines, columns=list(CONFLICT_COLUMNS)))
    looks = {(line.get_color(), line.get_linestyle()) for line in drawn[0].axes[0].lines[1:]}
    assert len(looks) == 20


@pytest.mark.parametrize(
    ("draw", "data", "inches"),
    [
        (draw_phase1, make_curves(), (6.6, 3.3)),
        (draw_conflicts, make_conflicts(), (9.9, 4.1)),
        (draw_phase1, make_curves().iloc[:0], (6.6, 2.7)),
        (draw_conflicts, make_conflicts().iloc[:0], (6.6, 2.7)),
    ],
)
def test_png_is_the_same_twice_whatever_the_users_style_and_not_blank(tmp_path, draw, data, inches):
    draw(tmp_path / "first.png", data)
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 20, "savefig.facecolor": "red"}):
        draw(tmp_path / "second.png", data)
    first = (tmp_path / "first.png").read_bytes()
    assert first == (tmp_path / "second.png").read_bytes()
    assert b"tEXt" not in first and b"tIME" not in first
    pixels = image.imread(tmp_path / "first.png")
    assert pixels.shape[:2] == pytest.approx((inches[1] * DPI, inches[0] * DPI), abs=1)
    assert np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0).shape[0] > 20


@pytest.mark.parametrize("row", ["iteration_3", None])
def test_row_without_curves_is_said_in_words(tmp_path, drawn, row):
    draw_curves(tmp_path / "figure.png", make_curves(), "phase2", row, "Phase 2")
    words = [text.get_text() for text in drawn[0].texts]
    assert "Phase 2: no data" in words
    assert f"no curves of row {row or '(none named)'} in phase2" in words
