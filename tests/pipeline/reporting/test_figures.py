"""The figures: what is drawn is read off matplotlib's objects, what is written off the files' pixels and bytes."""

import re
import xml.etree.ElementTree as ElementTree
from functools import partial

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import image

from pipeline.reporting import ablation, curves, gradients
from pipeline.reporting.ablation import draw_ablation
from pipeline.reporting.controls import CONTROL_COLUMNS
from pipeline.reporting.curves import draw_curves
from pipeline.reporting.gradients import draw_conflicts, draw_norms
from pipeline.reporting.histories import CONFLICT_COLUMNS, NORM_COLUMNS
from pipeline.reporting.results import read_results

HISTORY = "{leg},{epoch},{epoch}0,{split},{task},{metric},{value}\n"


@pytest.fixture
def drawn(monkeypatch):
    """What was drawn, before it became a file: (figure, title, note, legend)."""
    seen = []
    for module in (ablation, curves, gradients):
        save = module.save_figure
        monkeypatch.setattr(
            module, "save_figure", lambda stem, *rest, save=save: (seen.append(rest), save(stem, *rest))
        )
    return seen


@pytest.fixture
def results(profile):
    """Phase 1 of two tasks, one leg each; sst is also evaluated, but not trained, in the leg of sts."""
    profile.index["phase1"] = [{"row": "sst_then_sts", "tasks": ["sst", "sts"]}]
    profile.add("phase2", "row", [{"sst": 0.5, "sts": 0.5}] * 2)
    for seed, shift in ((0, 0.0), (1, 0.1)):
        lines = [HISTORY.format(leg=2, epoch=1, split="dev", task="sst", metric="accuracy", value=0.9)]
        for leg, task, metric in ((1, "sst", "accuracy"), (2, "sts", "pearson")):
            for epoch in (1, 2, 3):
                dev = 0.5 - 0.1 * abs(epoch - 2) + shift
                line = partial(HISTORY.format, leg=leg, epoch=epoch, task=task, metric=metric)
                lines += [line(split="train", value=0.3 * epoch), line(split="dev", value=dev)]
        kept = {"kept_epoch/leg_1": [[30, 1, 2.0]], "kept_epoch/leg_2": [[30, 1, 3.0 - seed]]}
        params = {"curve_examples": 12}
        profile.write_run("phase1", "sst_then_sts", seed, metrics=kept, history="".join(lines), params=params)
    return read_results(profile.root, "demo")


def make_conflicts() -> pd.DataFrame:
    lines = [
        ("phase2", row, seed, pair, step, 0.1 * seed + shift, 0.25 + 0.5 * seed)
        for shift, row in enumerate(("iteration_2", "iteration_3"))
        for seed in (0, 1)
        for pair in ("sst_para", "sst_sts", "para_sts")
        for step in (10, 20, 30)
    ]
    return pd.DataFrame(lines, columns=list(CONFLICT_COLUMNS))


def make_norms(num_rows: int = 2) -> pd.DataFrame:
    lines = [
        ("phase2", f"row_{number}", seed, task, step, norm * (1 + 2 * seed))
        for number in range(num_rows)
        for seed in (0, 1)
        for task, norm in (("sst", 0.5), ("sts", 20.0))
        for step in (10, 20)
    ]
    return pd.DataFrame(lines, columns=list(NORM_COLUMNS))


def make_controls() -> pd.DataFrame:
    """Three rows: better; nothing sure, with one seed; and both sides collapsed, or the same predictions."""
    nothing = (None, None, 3, None, None, None, None, "")
    lines = [
        ("iteration_2", "iteration_1", "sst", "accuracy", 0.1, 0.01, 3, 0.05, 0.15, 0.001, 0.01, "▲", 0, 3),
        ("iteration_2", "iteration_1", "overall", "mean", -0.2, 0.01, 3, -0.3, -0.1, 0.001, 0.01, "▼", 0, 0),
        ("other", "iteration_2", "sst", "accuracy", 0.01, None, 1, -0.02, 0.03, 0.5, 1.0, "", 0, 0),
        ("other", "iteration_2", "overall", "mean", 0.0, None, 1, 0.0, 0.0, 1.0, 1.0, "", 0, 0),
        ("last", "iteration_1", "sst", "accuracy", *nothing, 3, 3),
        ("last", "iteration_1", "overall", "mean", *nothing, 3, 3),
    ]
    return pd.DataFrame(lines, columns=list(CONTROL_COLUMNS))


def draw_phase1(stem, results):
    draw_curves(stem, results, "phase1", "sst_then_sts", "Phase 1")


def solid_lines(axes):
    return [line for line in axes.lines if line.get_linestyle() == "-"]


def test_curves_have_a_panel_per_task_with_mean_and_metric(tmp_path, drawn, results):
    draw_phase1(tmp_path / "figure", results)
    figure, title, note, _ = drawn[0]
    assert title == "Phase 1: sst then sts" and "at most 12 examples" in note and "2 seeds" in note
    sst, sts = figure.axes
    dev, train = solid_lines(sst)
    assert list(dev.get_xdata()) == list(train.get_xdata()) == [1, 2, 3]
    assert list(dev.get_ydata()) == pytest.approx([0.45, 0.55, 0.45])  # without the .9 of the other task's leg
    assert list(train.get_ydata()) == pytest.approx([0.3, 0.6, 0.9])
    assert list(solid_lines(sts)[0].get_xdata()) == [1, 2, 3], "epochs of later legs are counted from one"


def test_the_forest_has_words_where_there_is_no_number(tmp_path, drawn, results):
    draw_ablation(tmp_path / "ablation", results, make_controls())
    sst, overall = drawn[0][0].axes
    words = [[text.get_text() for text in axes.texts] for axes in (sst, overall)]
    assert "both collapsed †" in words[0] and words[1] == ["the same predictions", "both collapsed †"]
    assert words[0][0] == "†", "the control of the first row has collapsed"


def test_a_long_name_lies_within_the_picture(tmp_path, results):
    controls = make_controls()
    controls["control"] = "iteration_1_with_a_very_long_name_for_one_thing"
    draw_ablation(tmp_path / "ablation", results, controls)
    edge = image.imread(tmp_path / "ablation.png")[:, :6, :3]
    assert (edge > 0.9).all(), "a letter reaches the left edge"


def test_smoothing_is_a_centred_mean_of_five_windows(tmp_path, drawn):
    values = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    lines = [("phase2", "row", 0, "sst_para", step, value, 0.5) for step, value in enumerate(values)]
    draw_conflicts(tmp_path / "conflicts", pd.DataFrame(lines, columns=list(CONFLICT_COLUMNS)))
    smooth = drawn[0][0].axes[0].lines[1].get_ydata()
    assert list(smooth) == pytest.approx([0, 0.25, 0.2, 0.2, 0.2, 0.25, 0])


@pytest.mark.parametrize(
    "draw",
    [
        draw_phase1,
        lambda stem, results: draw_ablation(stem, results, make_controls()),
        lambda stem, results: draw_ablation(stem, results, make_controls().iloc[4:]),
        lambda stem, _: draw_conflicts(stem, make_conflicts()),
        lambda stem, _: draw_norms(stem, make_norms()),
        lambda stem, _: draw_norms(stem, make_norms().iloc[:0]),
    ],
)
def test_every_figure_is_a_picture_without_date_and_version_and_not_blank(tmp_path, results, draw):
    draw(tmp_path / "figure", results)
    png, svg = (tmp_path / "figure.png").read_bytes(), (tmp_path / "figure.svg").read_text()
    assert b"tEXt" not in png and b"tIME" not in png and not re.search(r"dc:date|Matplotlib v", svg)
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    pixels = image.imread(tmp_path / "figure.png")
    assert np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0).shape[0] > 20


def test_files_are_the_same_twice_whatever_the_users_style(tmp_path, results):
    draw_phase1(tmp_path / "first", results)
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 20, "savefig.facecolor": "red"}):
        draw_phase1(tmp_path / "second", results)
    for form in ("png", "svg"):
        assert (tmp_path / f"first.{form}").read_bytes() == (tmp_path / f"second.{form}").read_bytes()


@pytest.mark.parametrize("row", ["iteration_3", None])
def test_row_without_curves_is_said_in_words(tmp_path, monkeypatch, results, row):
    said = []
    monkeypatch.setattr(curves, "draw_nothing", lambda stem, *words: said.append(words))
    draw_curves(tmp_path / "figure", results, "phase2", row, "Phase 2")
    assert said == [("Phase 2: no data", f"no curves of row {row or '(none named)'} in phase2")]
