"""The look of every figure, and its two files: .png, and .svg for print.

Drawn on matplotlib's Agg canvas without pyplot, in a style that ignores the user's own: equal input gives equal bytes.
"""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.files.atomic import atomic_path

# Okabe and Ito, "Color Universal Design" (2008): eight colours that colour-blind readers tell apart. Their yellow is
# left out: it is too faint for a thin line on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
GREY = "#767676"
PANEL_WIDTH, PANEL_HEIGHT = 3.3, 2.7  # inches
CHARACTERS_PER_INCH = 17  # of a note
LEGEND_TOP = 0.2  # inches below the top
STYLE = {
    "savefig.dpi": 200,
    "svg.hashsalt": "berty",  # else the ids in an svg are random
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
METADATA = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}  # neither a date nor a version


@contextmanager
def use_style() -> Iterator[None]:
    """Draw and save in the project's style."""
    with matplotlib.style.context(["default", STYLE]):
        yield


def make_panels(heights: list[float], num_columns: int, **sharing: str) -> tuple[Figure, np.ndarray]:
    """A figure with rows of panels of these heights, in inches."""
    size = (PANEL_WIDTH * max(num_columns, 2), sum(heights) + 0.7)
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(len(heights), num_columns, squeeze=False, height_ratios=heights, **sharing)


def draw_nothing(stem: Path, title: str, reason: str) -> None:
    """A figure that says why there is none."""
    with use_style():
        figure = Figure(figsize=(2 * PANEL_WIDTH, PANEL_HEIGHT), layout="constrained")
        figure.text(0.5, 0.5, reason, ha="center", va="center", color=GREY)
        save_figure(stem, figure, title, "", [])


def save_figure(stem: Path, figure: Figure, title: str, note: str, handles: list[Line2D]) -> None:
    """Put title, note and the one legend of all panels around them, and write `stem`.png and `stem`.svg."""
    place_of_legend = "\n " if handles else ""  # layout keeps clear of a title's lines, not of a legend
    figure.suptitle(f"{title}{place_of_legend}", x=0.01, ha="left", fontsize=11, fontweight="bold")
    if note:
        wrapped = textwrap.fill(note, int(figure.get_figwidth() * CHARACTERS_PER_INCH))
        figure.supxlabel(wrapped, x=0.01, ha="left", fontsize=8, color=GREY)
    if handles:
        below = (0.002, 1 - LEGEND_TOP / figure.get_figheight())
        figure.legend(handles=handles, loc="upper left", bbox_to_anchor=below, ncols=len(handles), handlelength=1.6)
    FigureCanvasAgg(figure)
    figure.set_dpi(STYLE["savefig.dpi"])  # laid out as it is saved: at fewer dots an inch letters are narrower
    if figure.axes:
        figure.get_layout_engine().execute(figure)
    figure.set_layout_engine(None)  # or each format lays it out and draws it again
    for form, metadata in METADATA.items():
        with atomic_path(stem.with_suffix(f".{form}")) as temporary:
            figure.savefig(temporary, format=form, metadata=metadata)


def say_name(name: str) -> str:
    """The name of a row or a recipe, for people."""
    return name.replace("_", " ")


def say_seeds(num_seeds: int) -> str:
    """A number of seeds in words."""
    return "1 seed" if num_seeds == 1 else f"{num_seeds} seeds"
