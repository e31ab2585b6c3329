"""The report of a profile: every table and figure as a file, and one record that sums them up."""

from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.evaluation.metrics import OVERALL
from pipeline.files.atomic import write_json, write_text
from pipeline.files.digest import hash_bytes, hash_files
from pipeline.reporting.ablation import draw_ablation
from pipeline.reporting.compose import compose_controls, compose_paper, compose_table1, compose_table2
from pipeline.reporting.controls import control_table
from pipeline.reporting.costs import cost_table
from pipeline.reporting.curves import draw_curves
from pipeline.reporting.document import Document
from pipeline.reporting.gradients import draw_conflicts, draw_norms
from pipeline.reporting.histories import conflict_table, curve_table, norm_table
from pipeline.reporting.intervals import interval_table, measure_scores
from pipeline.reporting.latex import render_latex
from pipeline.reporting.markdown import render_markdown
from pipeline.reporting.page import render_page
from pipeline.reporting.publish import publish
from pipeline.reporting.results import EVALUATED_PHASES, Results, read_results
from pipeline.reporting.settings import compose_settings
from pipeline.reporting.tables import score_table, table_metrics
from pipeline.runs import layout
from pipeline.runs.environment import environment
from pipeline.runs.record import VERSION, write_record

NUMBER_FILES = ("intervals.csv", "costs.csv", "metrics.json")
TABLES = ("table1", "table2", "controls")
TABLE_FILES = (*(f"{name}.{form}" for name in TABLES for form in ("csv", "md", "tex")), *NUMBER_FILES)
PAPER = "paper.md"
PAGE = "report.html"
FIGURES = ("ablation", "figure2", "figure3", "conflicts", "norms")
FIGURE_FILES = tuple(f"{name}.{form}" for name in FIGURES for form in ("png", "svg"))
REPORT_FILES = (*TABLE_FILES, *FIGURE_FILES, "curves.csv", "conflicts.csv", "norms.csv", PAPER, PAGE)


def write_report(profile: str, root: Path = Path(".")) -> None:
    """Publish a profile to results/<profile>: `REPORT_FILES`, predictions and data report; write its summary record.

    What is published is of the runs that the plan lists, and of no other that may lie about. A plan of another profile
    is a `ValueError`.
    """
    results, folder = read_results(root, profile), Path(root) / layout.results(profile)
    scores = {phase: measure_scores(results, phase) for phase in EVALUATED_PHASES}
    table1, table2 = score_table(results, "part1"), score_table(results, "phase2")
    controls, intervals, costs = (
        control_table(results, scores["phase2"]),
        interval_table(results, scores),
        cost_table(results),
    )
    documents = {
        "table1": compose_table1(results, table1, intervals, costs),
        "table2": compose_table2(results, table2, intervals, costs),
        "controls": compose_controls(results, controls),
    }
    tables = {"table1": table1, "table2": table2, "controls": controls, "intervals": intervals, "costs": costs}
    _write_tables(folder, tables | _draw_figures(folder, results, controls), documents)
    metrics = table_metrics(table1, table2)
    write_json(folder / "metrics.json", metrics)
    write_text(folder / PAPER, render_markdown(compose_paper(results, table2, intervals)))
    publish(results, Path(root) / layout.data_report(profile, results.tree), folder)
    write_text(folder / PAGE, _render_page(folder, results, documents))
    summary = Path(root) / layout.summary_record(profile, results.tree) / "record.json"
    write_record(summary, _summarise(folder, results, metrics, intervals))


def _write_tables(folder: Path, tables: dict[str, pd.DataFrame], documents: dict[str, Document]) -> None:
    for name, table in tables.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    for name, document in documents.items():
        write_text(folder / f"{name}.md", render_markdown(document))
        write_text(folder / f"{name}.tex", render_latex(document, name))


def _draw_figures(folder: Path, results: Results, controls: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Draw `FIGURES` and return the data of those that have a csv file of their own."""
    conflicts, norms = conflict_table(results), norm_table(results)
    rows = results.index.get("figures", {})
    draw_ablation(folder / "ablation", results, controls)
    draw_curves(folder / "figure2", results, "phase1", rows.get("phase1"), "Phase 1")
    draw_curves(folder / "figure3", results, "phase2", rows.get("phase2"), "Phase 2, all tasks at once")
    draw_conflicts(folder / "conflicts", conflicts)
    draw_norms(folder / "norms", norms)
    return {"curves": curve_table(results.runs), "conflicts": conflicts, "norms": norms}


def _render_page(folder: Path, results: Results, documents: dict[str, Document]) -> str:
    figures = {name: (folder / f"{name}.svg").read_bytes() for name in FIGURES}
    data_report = folder / "data.md"
    text = data_report.read_text(encoding="utf-8") if data_report.is_file() else ""
    return render_page(results, documents, figures, compose_settings(results), text)


def _summarise(
    folder: Path, results: Results, metrics: dict[str, dict[str, float]], intervals: pd.DataFrame
) -> dict[str, Any]:
    """One record for the tables, so that a window on the runs shows them as one run.

    Its times are those of the runs that it sums up, so that equal tables of equal runs make an equal record.
    """
    index = results.index
    records = [record for run in results.runs for record in (run.training, run.evaluation) if record]
    end_time = max((record["end_time"] for record in records), default=0)
    marked = intervals[(intervals["collapsed"] > 0) & (intervals["task"] != OVERALL)]
    collapsed = ", ".join(f"{line.row} {line.task}" for line in marked.itertuples())
    tables = hash_files([folder / name for name in TABLE_FILES], folder)
    return {
        "version": VERSION,
        "kind": "summary",
        "profile": index["profile"],
        "phase": "summary",
        "row": "summary",
        "seed": None,
        "run_key": hash_bytes(f"{index['profile']} {tables}".encode()),
        "status": "finished",
        "start_time": min((record["start_time"] for record in records), default=0),
        "end_time": end_time,
        "params": {"encoder": index["encoder"], "seeds": ",".join(map(str, index["seeds"]))},
        "tags": {"description": index["description"]} | ({"collapsed": collapsed} if collapsed else {}),
        "metrics": {
            f"table/{row}.{key}": [[0, end_time, value]]
            for row, scores in metrics.items()
            for key, value in scores.items()
        },
        "datasets": [],
        "artifacts": [(layout.results(index["profile"]) / name).as_posix() for name in REPORT_FILES],
        "environment": environment(),
        "replay": {},
    }
