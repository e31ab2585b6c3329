"""Figures 2 and 3 of the paper (scores per epoch) and what it lacks: how the tasks' gradients conflict.

Drawn on matplotlib's Agg canvas without pyplot, in a style that ignores the user's own: equal input gives equal bytes.
"""

from itertools import cycle, islice, product
from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from pipeline.evaluation.metrics import METRICS
from pipeline.files.atomic import atomic_path

# Okabe and Ito, "Color Universal Design" (2008): eight colours that colour-blind readers tell apart. Their yellow is
# left out: it is too faint for a thin line on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
GREY = "#767676"
SPLIT_COLORS = {"dev": COLORS[0], "train": COLORS[5]}
# Windows of the log in a moving mean: enough to see a trend, too few to make one.
SMOOTHING_WINDOWS = 5
PANEL_WIDTH, PANEL_HEIGHT, ROW_HEIGHT = 3.3, 2.7, 0.2  # inches
STYLE = {
    "savefig.dpi": 200,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "lines.linewidth": 1.6,
    "legend.frameon": False,
}


def draw_curves(path: Path, curves: pd.DataFrame, phase: str, row: str | None, title: str) -> None:
    """Train and dev score per epoch, a panel per task: mean over seeds, with a band from the lowest to the highest.

    curves: columns of `histories.CURVE_COLUMNS`. Epochs are those in which the task was trained, counted from 1. The
    ring marks the best dev epoch of the mean. Where the row has no curves, the figure says so.
    """
    chosen = curves[(curves["phase"] == phase) & (curves["row"] == row)]
    if chosen.empty:
        _draw_nothing(path, f"{title}: no data", f"no curves of row {row or '(none named)'} in {phase}")
        return
    tasks = list(dict.fromkeys(chosen["task"]))
    with matplotlib.style.context(["default", STYLE]):
        figure, panels = _panels([PANEL_HEIGHT], len(tasks))
        for axes, task in zip(panels[0], tasks, strict=True):
            _draw_task(axes, task, _number_epochs(chosen[chosen["task"] == task]))
        seeds = chosen["seed"].nunique()
        spread = "1 seed" if seeds == 1 else f"mean of {seeds} seeds, band from lowest to highest"
        handles = [
            Line2D([], [], color=color, marker="o", markersize=3, label=split) for split, color in SPLIT_COLORS.items()
        ]
        _finish(path, figure, title, f"row {row}; {spread}; ring: best dev epoch", handles)


def draw_conflicts(path: Path, conflicts: pd.DataFrame) -> None:
    """How strongly and how often the tasks' gradients conflict in phase 2: a column of panels per pair of tasks.

    conflicts: columns of `histories.CONFLICT_COLUMNS`. Above, the cosine over the steps, a line per row of the
    ablation: mean over seeds, then a moving mean. Below, the share of all steps with a negative cosine (mean of the
    logged windows): mean over seeds, with a bar from lowest to highest. Its row names are the legend of both.
    Where no row trained several tasks in one step, the figure says so.
    """
    conflicts = conflicts[conflicts["phase"] == "phase2"]
    title = "Do the tasks' gradients conflict?"
    if conflicts.empty:
        _draw_nothing(path, f"{title} No data", "no row trains several tasks in one step")
        return
    pairs = list(dict.fromkeys(conflicts["pair"]))
    rows = list(dict.fromkeys(conflicts["row"]))
    looks = dict(zip(rows, islice(cycle(product(("-", "--", ":"), COLORS)), len(rows)), strict=True))
    seeds = conflicts["seed"].nunique()
    spread = "1 seed" if seeds == 1 else f"mean of {seeds} seeds, bar from lowest to highest"
    with matplotlib.style.context(["default", STYLE]):
        heights = [PANEL_HEIGHT, ROW_HEIGHT * (len(rows) + 2)]
        figure, panels = _panels(heights, len(pairs), sharex="row", sharey="row")
        for (top, bottom), pair in zip(panels.T, pairs, strict=True):
            top.set_title(" and ".join(pair.split("_")))
            _draw_cosines(top, conflicts[conflicts["pair"] == pair], looks)
            _draw_shares(bottom, conflicts[conflicts["pair"] == pair], looks)
        panels[0, 0].set_ylabel("cosine of the gradients")
        _finish(path, figure, title, f"{spread}; cosine: moving mean of {SMOOTHING_WINDOWS} logged windows", [])


def _draw_cosines(axes: Axes, conflicts: pd.DataFrame, looks: dict[str, tuple[str, str]]) -> None:
    means = conflicts.groupby(["row", "step"])["cosine"].mean()
    axes.axhline(0, color=GREY, linewidth=0.8, zorder=1)
    for row, (dashes, color) in looks.items():
        if row in means.index:
            smooth = means[row].rolling(SMOOTHING_WINDOWS, center=True, min_periods=1).mean()
            axes.plot(smooth.index, smooth, dashes, color=color, linewidth=1.2)
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def _draw_shares(axes: Axes, conflicts: pd.DataFrame, looks: dict[str, tuple[str, str]]) -> None:
    shares = conflicts.groupby(["row", "seed"])["conflict"].mean().groupby("row").agg(["mean", "min", "max"])
    for position, (row, (dashes, color)) in enumerate(looks.items()):
        if row in shares.index:
            mean, lowest, highest = shares.loc[row]
            axes.plot([0, mean], [position, position], dashes, color=color, linewidth=1.2)
            axes.plot([lowest, highest], [position, position], color=color, linewidth=5, alpha=0.35)
            axes.plot(mean, position, "o", color=color, markersize=4)
    axes.set_yticks(range(len(looks)), list(looks))
    axes.set_ylim(len(looks) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("steps with a negative cosine")
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)


def _number_epochs(curves: pd.DataFrame) -> pd.DataFrame:
    """Keep the legs in which the task was trained and number their epochs from 1, whatever other legs lie between."""
    trained = curves[curves["leg"].isin(curves.loc[curves["split"] == "train", "leg"])]
    trained = curves if trained.empty else trained
    return trained.assign(epoch=trained.groupby(["leg", "epoch"]).ngroup() + 1)


def _draw_task(axes: Axes, task: str, curves: pd.DataFrame) -> None:
    for split, color in SPLIT_COLORS.items():
        values = curves[curves["split"] == split].groupby("epoch")["value"].agg(["mean", "min", "max"])
        if values.empty:
            continue
        axes.plot(values.index, values["mean"], color=color, marker="o", markersize=3)
        axes.fill_between(values.index, values["min"], values["max"], color=color, alpha=0.2, linewidth=0)
        if split == "dev":
            best = values["mean"].idxmax()
            axes.plot(best, values["mean"][best], "o", markersize=9, markerfacecolor="none", color=color)
            label = f"{values['mean'][best]:.3f}"
            axes.annotate(
                label, (best, values["mean"][best]), (0, -8), textcoords="offset points", ha="center", va="top"
            )
    axes.set_title(task)
    axes.set_xlabel("epoch")
    axes.set_ylabel(METRICS[curves["metric"].iloc[0]].LABEL)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.margins(y=0.12)


def _panels(heights: list[float], num_columns: int, **sharing: str) -> tuple[Figure, np.ndarray]:
    size = (PANEL_WIDTH * max(num_columns, 2), sum(heights) + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(len(heights), num_columns, squeeze=False, height_ratios=heights, **sharing)


def _draw_nothing(path: Path, title: str, reason: str) -> None:
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(2 * PANEL_WIDTH, PANEL_HEIGHT), layout="constrained")
        figure.text(0.5, 0.5, reason, ha="center", va="center", color=GREY)
        _finish(path, figure, title, "", [])


def _finish(path: Path, figure: Figure, title: str, note: str, handles: list[Line2D]) -> None:
    """Put title, note and the one legend of all panels around them, and write the PNG without a date or version."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    if note:
        figure.supxlabel(note, x=0.99, ha="right", fontsize=8, color=GREY)
    if handles:
        figure.legend(handles=handles, loc="upper right", ncols=len(handles))
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
