"""The forest plot of the ablation: every row minus its control, per task, with its interval."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pipeline.reporting.canvas import COLORS, GREY, draw_nothing, save_figure, say_name, say_seeds, use_style
from pipeline.reporting.compose import BOTH_COLLAPSED, SAME_PREDICTIONS, has_same_predictions, order_tasks, task_title
from pipeline.reporting.controls import BETTER, FAMILY_ERROR, NOT_TESTED, WORSE
from pipeline.reporting.document import COLLAPSED_MARK
from pipeline.reporting.results import Results

WIDTH, LINE_HEIGHT, SURROUNDINGS = 10.0, 0.37, 1.75  # inches
LOOKS = {BETTER: (COLORS[0], ">"), WORSE: (COLORS[1], "<"), "": (GREY, "o")}
LEAST_REACH = 0.05  # an axis goes at least this far to both sides: noise does not fill it
BAND = "#F3F5F7"


def draw_ablation(stem: Path, results: Results, controls: pd.DataFrame) -> None:
    """A panel per task, a line per row of `controls`, which has the columns of `CONTROL_COLUMNS`.

    Filled: several seeds; hollow: one. A difference that is no number stands there in words.
    """
    title = "Every row minus its control"
    if controls.empty:
        draw_nothing(stem, f"{title}: no data", "no row names a control")
        return
    pairs, tasks = list(dict.fromkeys(zip(controls["row"], controls["control"], strict=True))), order_tasks(controls)
    with use_style():
        size = (WIDTH, SURROUNDINGS + LINE_HEIGHT * len(pairs))
        figure = Figure(figsize=size, layout="constrained")
        (panels,) = figure.subplots(1, len(tasks), sharey=True, squeeze=False)
        for axes, task in zip(panels, tasks, strict=True):
            axes.set_title(task_title(results, task))
            _draw_panel(axes, controls[controls["task"] == task], {row: place for place, (row, _) in enumerate(pairs)})
        counts = controls.groupby("row")["n"].max()
        for place, (row, control) in enumerate(pairs):
            below = f"minus {say_name(control)}" + (f", {say_seeds(counts[row])}" if counts.nunique() > 1 else "")
            _label(panels[0], place, say_name(row), below)
        panels[0].set_ylim(len(pairs) - 0.5, -0.5)
        save_figure(stem, figure, title, _note(results, controls), list(_handles(controls)))


def _draw_panel(axes: Axes, controls: pd.DataFrame, places: dict[str, int]) -> None:
    for place in range(0, len(places), 2):
        axes.axhspan(place - 0.5, place + 0.5, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color="black", linewidth=0.8, zorder=1)
    for line in controls.itertuples():
        _draw_difference(axes, line, places[line.row])
    low = min([-LEAST_REACH, *controls["low"].dropna()])  # a panel may be without any number
    high = max([LEAST_REACH, *controls["high"].dropna()])
    margin = 0.08 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], min_n_ticks=3))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+.2g}" if round(value, 9) else "0"))
    axes.set_xlabel("worse ← → better", color=GREY, fontsize=8)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.spines["left"].set_visible(False)


def _draw_difference(axes: Axes, line: Any, place: int) -> None:
    if pd.isna(line.difference) or has_same_predictions(line):
        words = BOTH_COLLAPSED if pd.isna(line.difference) else SAME_PREDICTIONS
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.9}
        axes.text(0, place, words, ha="center", va="center", fontsize=7.5, style="italic", color="#505050", bbox=box)
        return
    color, marker = LOOKS[line.mark]
    axes.plot([line.low, line.high], [place, place], color=color, linewidth=2.2 if line.mark else 1.4)
    face = "white" if line.n == 1 else color
    axes.plot(line.difference, place, marker, color=color, markerfacecolor=face, markersize=6.5, markeredgewidth=1.4)
    if line.collapsed or line.control_collapsed:
        axes.annotate(COLLAPSED_MARK, (line.high, place), (3, 0), textcoords="offset points", va="center", fontsize=9)


def _label(axes: Axes, place: int, above: str, below: str) -> None:
    where = {"transform": axes.get_yaxis_transform(), "ha": "right"}
    axes.text(-0.04, place - 0.04, above, va="bottom", fontsize=9.5, **where)
    axes.text(-0.04, place + 0.04, below, va="top", fontsize=7.5, color=GREY, **where)


def _handles(controls: pd.DataFrame) -> Iterator[Line2D]:
    names = {BETTER: "better", WORSE: "worse", "": "not statistically significant"}
    for mark, name in names.items() if controls["p"].notna().any() else ():
        color, marker = LOOKS[mark]
        yield Line2D([], [], color=color, marker=marker, markeredgewidth=1.4, label=name)
    if (controls["n"] == 1).any():
        yield Line2D([], [], color=GREY, marker="o", linewidth=0, markerfacecolor="white", label="hollow: 1 seed")
    if (controls[["collapsed", "control_collapsed"]] > 0).any(axis=None):
        mark = f"${COLLAPSED_MARK}$"
        yield Line2D([], [], color="black", marker=mark, linewidth=0, markersize=6, label="a side has collapsed")


def _note(results: Results, controls: pd.DataFrame) -> str:
    index, counts = results.index, sorted(set(controls["n"]))
    seeds = say_seeds(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"
    num_tested = controls["p"].count()
    tested = (
        f"In colour: statistically significant after Holm's correction over {num_tested} differences (error "
        f"{FAMILY_ERROR:.0%} for all together)."
    )
    return (
        f"Row minus control on the full dev sets of profile {index['profile']}, encoder {index['encoder']}, {seeds}; "
        f"lines: 95% intervals over {'examples and seeds' if num_tested else 'the examples'}. "
        f"{tested if num_tested else NOT_TESTED}"
    )
