"""The tables as markdown: what a reader sees, cell by cell."""

import re

from pipeline.reporting.controls import control_table
from pipeline.reporting.intervals import interval_table, measure_scores
from pipeline.reporting.markdown import render_controls, render_table1, render_table2
from pipeline.reporting.results import read_results
from pipeline.reporting.tables import score_table

TWO_SEEDS = [{"sst": 0.4, "para": 0.8, "sts": 0.6}, {"sst": 0.6, "para": 0.8, "sts": 0.7}]
PAPER = {"sst": 0.484, "para": 0.803, "sts": 0.746, "overall": 0.678}


INTERVAL = re.compile(r"\(([+-]?\d\.\d{3}) to ([+-]?\d\.\d{3})\)")
TWO_SEEDS_NOTE = "- In parentheses: the 95% interval, over examples and 2 seeds (pipeline/statistics/README.md)."


def render(profile, phase, renderer) -> list[str]:
    """The lines of a table, its intervals as `(..)`: test_intervals.py has their values."""
    results = read_results(profile.root, "demo")
    scores = {phase: measure_scores(results, phase)}
    text = renderer(results, score_table(results, phase), interval_table(results, scores))
    return INTERVAL.sub("(..)", text).splitlines()


def table2(profile) -> list[str]:
    return render(profile, "phase2", render_table2)


def controls(profile) -> list[str]:
    results = read_results(profile.root, "demo")
    scores = measure_scores(results, "phase2")
    return render_controls(results, control_table(results, scores)).splitlines()


def test_table2_line_by_line(profile):
    profile.add("phase2", "iteration_2", TWO_SEEDS, paper=PAPER, note="the cosine")
    profile.add("phase2", "other", [{"sst": 0.5}, {"sst": 0.5}], control="iteration_2", note="a|b\nc")
    lines = table2(profile)
    assert lines[0] == (
        "**Table 2, part 2: all tasks in one encoder.** Dev sets, profile `demo`, encoder `minilm`, seeds 0, 1."
    )
    assert lines[2:] == [
        "| row | sst accuracy | para accuracy | sts Pearson | overall | seeds | control | note |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |",
        "| *a constant prediction* | 0.250 | 0.625 | 0.000 | 0.292 |  |  "
        "| the commonest class, or one score for all (correlation 0) |",
        "| `iteration_2` | 0.500 (..) [0.484] | 0.800 (..) [0.803] | 0.650 (..) [0.746] | 0.650 (..) [0.678] "
        "| 2 |  | the cosine |",
        "| `other` | 0.500 (..) |  |  |  | 2 | `iteration_2` | a\\|b c |",
        "",
        "- In brackets: the paper's value.",
        TWO_SEEDS_NOTE,
        "- Paraphrase scores of minilm are not comparable.",
    ]


def test_constant_predictions_are_marked_and_explained(profile):
    profile.add("phase2", "row", TWO_SEEDS)
    profile.write_evaluation("phase2", "row", 1, TWO_SEEDS[1] | {"sts": 0.0}, extra={"sts.collapsed": 1.0})
    lines = table2(profile)
    assert "0.300 (..)† |" in lines[5]
    assert "- † one constant was predicted, its correlation counts as 0: `row` sts (1 of 2 seeds)." in lines


def test_one_seed_says_what_it_cannot(single_seed_profile):
    single_seed_profile.add("phase2", "row", TWO_SEEDS[:1])
    single_seed_profile.add("phase2", "other", TWO_SEEDS[1:], control="row")
    lines = table2(single_seed_profile)
    assert lines[5] == "| `row` | 0.400 (..) | 0.800 (..) | 0.600 (..) | 0.600 (..) | 1 |  |  |"
    note = "- In parentheses: the 95% interval, over the examples only: 1 seed cannot say what another would give."
    assert note in lines and note in controls(single_seed_profile)
    assert any(
        "that these two models differ, not that the two rows do" in line for line in controls(single_seed_profile)
    )


def test_table1_puts_the_paper_beside_our_value(profile):
    profile.add("part1", "cfimdb_finetune", [{"cfimdb": 0.9}, {"cfimdb": 1.0}], paper={"cfimdb": 0.967})
    assert render(profile, "part1", render_table1)[2:5] == [
        "| row | metric | mean (95% interval) | sd | paper | constant prediction | seeds |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
        "| `cfimdb_finetune` | cfimdb accuracy | 0.950 (..) | 0.071 | 0.967 | 0.500 | 2 |",
    ]


def test_controls_carry_a_sign_an_interval_and_a_mark_where_it_is_sure(profile):
    profile.add("phase2", "iteration_2", [{"sst": 0.5, "sts": 0.1}, {"sst": 0.6, "sts": 0.1}])
    profile.add("phase2", "row", [{"sst": 0.7, "sts": 0.99}, {"sst": 0.6, "sts": 0.99}], control="iteration_2")
    lines = controls(profile)
    cells = [cell.strip() for cell in lines[4].split("|")[1:-1]]
    assert cells[:2] == ["`row`", "`iteration_2`"] and cells[5] == "2"
    assert INTERVAL.sub("(..)", cells[2]) == "+0.100 (..)"
    assert INTERVAL.sub("(..)", cells[3]) == "+0.890 (..) ▲"
    assert INTERVAL.search(cells[3])[1].startswith("+")
    assert any("Holm's correction over the 3 differences of this table (5% for all" in line for line in lines)


def test_empty_profile_is_a_header_and_its_caveats(profile):
    assert table2(profile)[2:] == [
        "| row | seeds | control | note |",
        "| --- | ---: | --- | --- |",
        "",
        TWO_SEEDS_NOTE,
        "- Paraphrase scores of minilm are not comparable.",
    ]
