"""The tables as markdown: what a reader sees, cell by cell."""

from pipeline.reporting.markdown import render_controls, render_table1, render_table2
from pipeline.reporting.results import read_results
from pipeline.reporting.tables import control_table, score_table

TWO_SEEDS = [{"sst": 0.4, "para": 0.8, "sts": 0.6}, {"sst": 0.6, "para": 0.8, "sts": 0.7}]
PAPER = {"sst": 0.484, "para": 0.803, "sts": 0.746, "overall": 0.678}


def table2(profile) -> list[str]:
    results = read_results(profile.plan, profile.records)
    return render_table2(results, score_table(results, "phase2")).splitlines()


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
        "| `iteration_2` | 0.500 ± 0.141 [0.484] | 0.800 ± 0.000 [0.803] | 0.650 ± 0.071 [0.746] "
        "| 0.650 ± 0.071 [0.678] | 2 |  | the cosine |",
        "| `other` | 0.500 ± 0.000 |  |  |  | 2 | `iteration_2` | a\\|b c |",
        "",
        "- In brackets: the paper's value.",
        "- ± is the sample standard deviation over 2 seeds.",
        "- Paraphrase scores of minilm are not comparable.",
    ]


def test_constant_predictions_are_marked_and_explained(profile):
    profile.add("phase2", "row", TWO_SEEDS)
    profile.write_evaluation("phase2", "row", 1, TWO_SEEDS[1] | {"sts": 0.0}, extra={"sts.constant": 1.0})
    lines = table2(profile)
    assert "0.300 ± 0.424† |" in lines[5]
    assert "- † one constant was predicted, its correlation counts as 0: `row` sts (1 of 2 seeds)." in lines


def test_one_seed_says_that_it_has_no_spread(single_seed_profile):
    single_seed_profile.add("phase2", "row", TWO_SEEDS[:1])
    lines = table2(single_seed_profile)
    assert lines[5] == "| `row` | 0.400 | 0.800 | 0.600 | 0.600 | 1 |  |  |"
    assert "- 1 seed: no spread." in lines


def test_table1_puts_the_paper_beside_our_value(profile):
    profile.add("part1", "cfimdb_finetune", [{"cfimdb": 0.9}, {"cfimdb": 1.0}], paper={"cfimdb": 0.967})
    results = read_results(profile.plan, profile.records)
    lines = render_table1(results, score_table(results, "part1")).splitlines()
    assert lines[2:5] == [
        "| row | metric | mean ± sd | paper | constant prediction | seeds |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
        "| `cfimdb_finetune` | cfimdb accuracy | 0.950 ± 0.071 | 0.967 | 0.500 | 2 |",
    ]


def test_controls_carry_a_sign_and_claim_nothing(profile):
    profile.add("phase2", "iteration_2", [{"sst": 0.5, "sts": 0.5}, {"sst": 0.7, "sts": 0.5}])
    profile.add("phase2", "row", [{"sst": 0.6, "sts": 0.4}, {"sst": 1.0, "sts": 0.4}], control="iteration_2")
    results = read_results(profile.plan, profile.records)
    lines = render_controls(results, control_table(results)).splitlines()
    assert lines[4] == "| `row` | `iteration_2` | +0.200 ± 0.141 | -0.100 ± 0.000 | 2 |"
    assert "- No interval and no test yet: a difference may be noise." in lines


def test_empty_profile_is_a_header_and_its_caveats(profile):
    assert table2(profile)[2:] == [
        "| row | seeds | control | note |",
        "| --- | ---: | --- | --- |",
        "",
        "- ± is the sample standard deviation over 2 seeds.",
        "- Paraphrase scores of minilm are not comparable.",
    ]
