"""Figures 2 and 3 of the paper: scores per epoch, with the epochs that were kept and what a constant reaches."""

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from pipeline.evaluation.metrics import METRICS
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
from pipeline.reporting.costs import kept_epochs
from pipeline.reporting.histories import curve_table
from pipeline.reporting.results import EVALUATED_PHASES, Result, Results
from pipeline.reporting.tables import trivial_scores

SPLITS = {"dev": (COLORS[0], "dev"), "selection": (COLORS[2], "held out of training"), "train": (COLORS[5], "train")}
LEAST_RANGE = 0.1  # of an axis of scores: noise does not fill it


def draw_curves(stem: Path, results: Results, phase: str, row: str | None, title: str) -> None:
    """Scores per epoch of a row, a panel per task: mean over seeds, with a band from the lowest to the highest.

    Epochs are those in which the task was trained, counted from 1. A vertical line stands at the epoch that a seed
    kept, a dotted one at what a constant prediction reaches. Where the row has no curves, the figure says so.
    """
    runs = results.runs_of(phase, row) if row else []
    curves = curve_table(runs)
    if curves.empty:
        draw_nothing(stem, f"{title}: no data", f"no curves of row {row or '(none named)'} in {phase}")
        return
    constant = {task: score for name in EVALUATED_PHASES for task, score in trivial_scores(results, name).items()}
    tasks = list(dict.fromkeys(curves["task"]))
    with use_style():
        figure, panels = make_panels([PANEL_HEIGHT], len(tasks))
        for axes, task in zip(panels[0], tasks, strict=True):
            numbered = number_epochs(curves[curves["task"] == task])
            _draw_task(axes, task, numbered)
            _mark_kept(axes, _find_kept(runs, numbered), len(runs))
            _draw_constant(axes, constant.get(task))
        handles = [
            Line2D([], [], color=color, marker="o", markersize=3, label=name)
            for split, (color, name) in SPLITS.items()
            if split in set(curves["split"])
        ]
        handles += [
            Line2D([], [], color="black", linewidth=1, linestyle="--", label="epoch kept"),
            Line2D([], [], color=GREY, linewidth=1, linestyle=":", label="constant prediction"),
        ]
        save_figure(stem, figure, f"{title}: {say_name(row)}", _note(results, runs), handles)


def number_epochs(curves: pd.DataFrame) -> pd.DataFrame:
    """Keep the legs in which the task was trained and number their epochs from 1, whatever other legs lie between."""
    trained = curves[curves["leg"].isin(curves.loc[curves["split"] == "train", "leg"])]
    trained = curves if trained.empty else trained
    return trained.assign(number=trained.groupby(["leg", "epoch"]).ngroup() + 1)


def _find_kept(runs: list[Result], curves: pd.DataFrame) -> Counter[int]:
    """How many seeds kept each of the numbered epochs."""
    numbers = {(line.leg, line.epoch): line.number for line in curves.itertuples()}
    kept = (numbers.get(place) for run in runs for place in kept_epochs(run).items())
    return Counter(number for number in kept if number)


def _draw_task(axes: Axes, task: str, curves: pd.DataFrame) -> None:
    for split, (color, _) in SPLITS.items():
        values = curves[curves["split"] == split].groupby("number")["value"].agg(["mean", "min", "max"])
        if not values.empty:
            axes.plot(values.index, values["mean"], color=color, marker="o", markersize=3)
            axes.fill_between(values.index, values["min"], values["max"], color=color, alpha=0.2, linewidth=0)
    axes.set_title(task)
    axes.set_xlabel("epoch")
    axes.set_ylabel(METRICS[curves["metric"].iloc[0]].LABEL)
    axes.set_xlim(0.7, curves["number"].max() + 0.3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.margins(y=0.12)


def _mark_kept(axes: Axes, kept: Counter[int], num_runs: int) -> None:
    for number, count in sorted(kept.items()):
        axes.axvline(number, color="black", linewidth=1, linestyle="--", zorder=1)
        if num_runs > 1:
            place = {"xycoords": axes.get_xaxis_transform(), "textcoords": "offset points"}
            axes.annotate(f"{count} of {num_runs}", (number, 1), (0, 2), ha="center", va="bottom", fontsize=7, **place)


def _draw_constant(axes: Axes, constant: float | None) -> None:
    if constant is not None:
        axes.axhline(constant, color=GREY, linewidth=1, linestyle=":", zorder=1)
    low, high = axes.get_ylim()
    if constant is not None:
        low, high = min(low, constant - 0.02), max(high, constant + 0.02)
    missing = max(LEAST_RANGE - (high - low), 0) / 2
    axes.set_ylim(low - missing, high + missing)


def _note(results: Results, runs: list[Result]) -> str:
    seeds = "1 seed" if len(runs) == 1 else f"mean of {say_seeds(len(runs))}, bands from the lowest seed to the highest"
    examples = _examples({run.training["params"].get("curve_examples") for run in runs})
    return (
        f"Profile {results.index['profile']}, encoder {results.index['encoder']}, {seeds}. Curves: {examples} of "
        "every set; the tables' scores and the constant's are those of the full dev sets."
    )


def _examples(counts: set[Any]) -> str:
    numbers = ", ".join(str(count) for count in sorted(counts - {None}))
    return f"at most {numbers} examples" if numbers else "examples"
