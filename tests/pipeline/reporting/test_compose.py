"""The tables as a reader sees them in markdown, cell by cell."""

import re

from pipeline.reporting.compose import compose_controls, compose_table1, compose_table2
from pipeline.reporting.controls import control_table
from pipeline.reporting.costs import cost_table
from pipeline.reporting.intervals import interval_table, measure_scores
from pipeline.reporting.markdown import render_markdown
from pipeline.reporting.results import read_results
from pipeline.reporting.tables import score_table

TWO_SEEDS = [{"sst": 0.4, "para": 0.8, "sts": 0.6}, {"sst": 0.6, "para": 0.8, "sts": 0.7}]
PAPER = {"sst": 0.484, "para": 0.803, "sts": 0.746, "overall": 0.678}


INTERVAL = re.compile(r"\(([+-]?\d\.\d{3}) to ([+-]?\d\.\d{3})\)")
TWO_SEEDS_NOTE = "- Intervals are of 95%, over examples and 2 seeds (pipeline/statistics/README.md)."


def render(profile, phase, compose) -> list[str]:
    """The lines of a table, its intervals as `(..)`: test_intervals.py has their values."""
    results = read_results(profile.root, "demo")
    scores = {phase: measure_scores(results, phase)}
    document = compose(results, score_table(results, phase), interval_table(results, scores), cost_table(results))
    return INTERVAL.sub("(..)", render_markdown(document)).splitlines()


def table2(profile) -> list[str]:
    return render(profile, "phase2", compose_table2)


def controls(profile) -> list[str]:
    results = read_results(profile.root, "demo")
    scores = measure_scores(results, "phase2")
    return render_markdown(compose_controls(results, control_table(results, scores))).splitlines()


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


def test_collapsed_cells_are_called_so_in_how_many_seeds(profile):
    profile.add("phase2", "some", TWO_SEEDS)
    profile.add("phase2", "all", TWO_SEEDS)
    profile.collapse("phase2", "some", 1, "sts")
    for seed in (0, 1):
        profile.collapse("phase2", "all", seed, "para")
    some, every = table2(profile)[5:7]
    assert [cell.strip() for cell in some.split("|")[2:6]] == [
        "0.500 (..)",
        "0.800 (..)",
        "0.650 (..) † collapsed in 1 of 2 seeds",
        "0.650 (..) †",
    ]
    assert every.split("|")[3].strip() == "0.800 (..) † collapsed"
    assert sum(line.startswith("- † collapsed:") for line in table2(profile)) == 1


def test_a_difference_of_two_collapsed_cells_is_no_number(profile):
    for row, control in (("first", None), ("second", "first"), ("third", "second")):
        profile.add("phase2", row, [{"sst": 0.5, "para": 0.8}] * 2, control=control)
    for row, tasks in (("first", ["sst", "para"]), ("second", ["sst", "para"]), ("third", ["para"])):
        for seed in (0, 1):
            profile.collapse("phase2", row, seed, *tasks)
    second, third = [[cell.strip() for cell in line.split("|")[3:6]] for line in controls(profile)[4:6]]
    assert second == ["both collapsed †"] * 3
    assert third[0].endswith("† control collapsed") and third[1] == "both collapsed †"
    assert third[2].endswith("†"), "sst is a difference, so their mean is one"
    assert any("over the 2 differences tested in this table" in line for line in controls(profile))


def test_costs_and_kept_epochs_stand_below(profile):
    profile.add("phase2", "row", TWO_SEEDS, keep="best", start="recipe")
    profile.add("phase2", "other", TWO_SEEDS, keep="last", start="encoder")
    environment = {"cpu": "A processor", "num_cores": "2"}
    profile.index["phase1"] = [{"row": "recipe", "tasks": ["sst"]}]
    profile.save()
    for seed in (0, 1):
        costs = {"cost/steps": 100, "cost/tokens": 2e6 * (1 + seed), "cost/seconds": 30.0, "kept_epoch/leg_2": 3 - seed}
        points = {key: [[100, 1, value]] for key, value in costs.items()}
        params = {"schedule.leg_2.epochs": 5}
        for phase, row in (("phase1", "recipe"), ("phase2", "row"), ("phase2", "other")):
            profile.write_run(phase, row, seed, metrics=points, params=params, environment=environment)
    lines = table2(profile)
    assert lines[8] == "**The epochs that its rows kept, and what they cost.**"
    assert lines[10:14] == [
        "| row | epoch kept | starts from | steps | million tokens | minutes |",
        "| --- | --- | --- | ---: | ---: | ---: |",
        "| `row` | best: 3, 2 of 5 | `recipe` | 200 | 6.00 | 1.0 |",
        "| `other` | last | encoder | 100 | 3.00 | 0.5 |",
    ]
    assert any(line.endswith("Minutes on: A processor, 2 cores.") for line in lines)


def test_an_average_costs_what_its_rows_do_and_each_training_counts_once(profile):
    profile.add("phase2", "one", TWO_SEEDS, keep="best", start="recipe")
    profile.add("phase2", "two", TWO_SEEDS[1:], keep="best", start="recipe", seeds=[1])
    profile.index["phase1"] = [{"row": "recipe", "tasks": ["sst"]}]
    profile.index["phase2"] += [
        {"row": "mean", "tasks": ["sst"], "average": "outputs", "of": ["one", "two"], "keep": "best", "seeds": [1]},
        {"row": "all", "tasks": ["sst"], "average": "weights", "of": ["one"], "over": "seeds", "seeds": [0]},
    ]
    profile.save()
    for seed in (0, 1):
        for phase, row, steps in (("phase1", "recipe", 1), ("phase2", "one", 10), ("phase2", "two", 100)):
            if (row, seed) != ("two", 0):
                profile.write_run(phase, row, seed, metrics={"cost/steps": [[1, 1, steps * (1 + seed)]]})
    for row, seed in (("mean", 1), ("all", 0)):
        profile.write_run("average", row, seed)
        profile.write_evaluation("average", row, seed, {"sst": 0.5})
    lines = table2(profile)
    (start,) = (number for number, line in enumerate(lines) if line.startswith("| row | epoch kept |"))
    assert lines[start + 2 : start + 6] == [
        "| `one` | best | `recipe` | 16 |",  # the mean over the seeds of 11 and 22
        "| `two` | best | `recipe` | 202 |",
        "| `mean` | best | `one + two` | 222 |",
        "| `all` |  | `one` | 33 |",
    ]
    assert any("An average's are those of its rows, each training once." in line for line in lines)
    seeds = [line.split("|")[-4].strip() for line in lines if line.startswith(("| `one` | 0", "| `all` | 0"))]
    assert seeds == ["2", "1"]


def test_table1_puts_the_paper_beside_our_value(profile):
    profile.add("part1", "cfimdb_finetune", [{"cfimdb": 0.8}, {"cfimdb": 0.9}], paper={"cfimdb": 0.967})
    assert render(profile, "part1", compose_table1)[2:5] == [
        "| row | metric | mean (95% interval) | sd | paper | constant prediction | seeds |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
        "| `cfimdb_finetune` | cfimdb accuracy | 0.850 (..) | 0.071 | 0.967 | 0.500 | 2 |",
    ]


def test_controls_of_rows_of_one_seed_say_whose_seeds_their_intervals_cover(profile):
    profile.add("phase2", "iteration_2", [{"sts": 0.5}], seeds=[0])
    profile.add("phase2", "row", [{"sts": 0.99}], control="iteration_2", seeds=[0])
    assert any("Nothing is tested" in line for line in controls(profile))
    profile.add("phase2", "other", [{"sts": 0.1}, {"sts": 0.11}])
    notes = " ".join(" ".join(controls(profile)).split())
    assert "over examples and seeds" in notes and "the seed noise of the table's other trained rows" in notes


def test_controls_carry_a_sign_an_interval_and_a_mark_where_it_is_sure(profile):
    profile.add("phase2", "iteration_2", [{"sst": 0.5, "sts": 0.1}, {"sst": 0.6, "sts": 0.1}])
    profile.add("phase2", "row", [{"sst": 0.7, "sts": 0.99}, {"sst": 0.6, "sts": 0.99}], control="iteration_2")
    lines = controls(profile)
    cells = [cell.strip() for cell in lines[4].split("|")[1:-1]]
    assert cells[:2] == ["`row`", "`iteration_2`"] and cells[5] == "2"
    assert INTERVAL.sub("(..)", cells[2]) == "+0.100 (..)"
    assert INTERVAL.sub("(..)", cells[3]) == "+0.890 (..) ▲"
    assert INTERVAL.search(cells[3])[1].startswith("+")
    assert any("Holm's correction over the 3 differences tested in this table (5% for all" in line for line in lines)
