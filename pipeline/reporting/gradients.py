"""What training does to the shared parameters: how the tasks' gradients conflict, and how long each of them is."""

from itertools import cycle, islice, product
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from pipeline.reporting.canvas import (
    COLORS,
    GREY,
    PANEL_HEIGHT,
    draw_nothing,
    make_panels,
    save_figure,
    say_name,
    say_seeds,
    use_style,
)

# Windows of the log in a moving mean: enough to see a trend, too few to make one.
SMOOTHING_WINDOWS = 5
ROW_HEIGHT = 0.2  # inches
LEAST_COSINE = 0.2  # an axis goes at least this far to both sides: noise does not fill it
MAX_PANELS, NUM_COLUMNS = 12, 4


def draw_conflicts(stem: Path, conflicts: pd.DataFrame) -> None:
    """How strongly and how often the tasks' gradients conflict in phase 2: a column of panels per pair of tasks.

    conflicts: columns of `histories.CONFLICT_COLUMNS`. Above, the cosine over the steps, a line per row of the
    ablation: mean over seeds, then a moving mean. Below, the share of all steps with a negative cosine (mean of the
    logged windows): mean over seeds, with a bar from lowest to highest. Its row names are the legend of both.
    Where no row trained several tasks in one step, the figure says so.
    """
    conflicts = conflicts[conflicts["phase"] == "phase2"]
    title = "Do the tasks' gradients conflict?"
    if conflicts.empty:
        draw_nothing(stem, f"{title} No data", "no row trains several tasks in one step")
        return
    pairs = list(dict.fromkeys(conflicts["pair"]))
    rows = list(dict.fromkeys(conflicts["row"]))
    looks = dict(zip(rows, islice(cycle(product(("-", "--", ":"), COLORS)), len(rows)), strict=True))
    seeds = conflicts["seed"].nunique()
    spread = say_seeds(seeds) if seeds == 1 else f"Mean of {say_seeds(seeds)}, bars from the lowest to the highest"
    with use_style():
        heights = [PANEL_HEIGHT, ROW_HEIGHT * (len(rows) + 2)]
        figure, panels = make_panels(heights, len(pairs), sharex="row", sharey="row")
        for (top, bottom), pair in zip(panels.T, pairs, strict=True):
            top.set_title(" and ".join(pair.split("_")))
            _draw_cosines(top, conflicts[conflicts["pair"] == pair], looks)
            _draw_shares(bottom, conflicts[conflicts["pair"] == pair], looks)
        low, high = panels[0, 0].get_ylim()
        panels[0, 0].set_ylim(min(low, -LEAST_COSINE), max(high, LEAST_COSINE))
        panels[0, 0].set_ylabel("cosine of the gradients")
        save_figure(stem, figure, title, f"{spread}; cosine: moving mean of {SMOOTHING_WINDOWS} logged windows.", [])


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
    axes.set_yticks(range(len(looks)), [say_name(row) for row in looks])
    axes.set_ylim(len(looks) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("steps with a negative cosine")
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)


def draw_norms(stem: Path, norms: pd.DataFrame) -> None:
    """The norm of each task's gradient of the shared parameters over the steps of phase 2, a panel per row, log axis.

    norms: columns of `histories.NORM_COLUMNS`. Mean over seeds, with a band from the lowest to the highest. Of more
    than `MAX_PANELS` rows the first are drawn, and the note says so. Where no row has norms, the figure says so.
    """
    norms = norms[(norms["phase"] == "phase2") & (norms["norm"] > 0)]
    title = "How long is each task's gradient?"
    if norms.empty:
        draw_nothing(stem, f"{title} No data", "no row has the norms of its tasks' gradients")
        return
    rows, tasks = list(dict.fromkeys(norms["row"])), list(dict.fromkeys(norms["task"]))
    colors = dict(zip(tasks, cycle(COLORS), strict=False))
    shown, num_columns = rows[:MAX_PANELS], min(len(rows), NUM_COLUMNS)
    with use_style():
        heights = [PANEL_HEIGHT] * -(-len(shown) // num_columns)
        figure, panels = make_panels(heights, num_columns, sharey="all")
        for axes, row in zip(panels.flat, shown, strict=False):
            _draw_norms(axes, norms[norms["row"] == row], colors)
            axes.set_title(say_name(row))
        for axes in panels.flat[len(shown) :]:
            axes.set_axis_off()
        for axes in panels[:, 0]:
            axes.set_ylabel("norm of the gradient")
        seeds = norms.groupby("row")["seed"].nunique().max()
        spread = f"Mean of {say_seeds(seeds)}, bands from the lowest to the highest" if seeds > 1 else say_seeds(seeds)
        note = f"{spread}; of the shared parameters, mean of a logged window, as it enters the combination."
        if len(rows) > len(shown):
            note += f" {len(rows) - len(shown)} more rows: {stem.name}.csv."
        handles = [Line2D([], [], color=color, label=task) for task, color in colors.items()]
        save_figure(stem, figure, title, note, handles)


def _draw_norms(axes: Axes, norms: pd.DataFrame, colors: dict[str, str]) -> None:
    for task, group in norms.groupby("task", sort=False):
        values = group.groupby("step")["norm"].agg(["mean", "min", "max"])
        axes.plot(values.index, values["mean"], color=colors[task], linewidth=1.2)
        axes.fill_between(values.index, values["min"], values["max"], color=colors[task], alpha=0.2, linewidth=0)
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
