"""The difference: what changed, how sure a score's difference is, which examples flipped."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.files.atomic import write_text
from pipeline.gate.difference import Difference, find_difference
from pipeline.gate.difference_side import Side, read_side
from tests.pipeline.gate.difference.conftest import write_answers, write_runs

MARGINS, SEED_SD = {"sst": 0.02, "sts": 0.015}, {"sst": 0.006, "sts": 0.007}


def compare_rows(root: Path, one: str = "baseline", other: str = "iteration_1") -> Difference:
    sides = [read_side(row, root, "tiny", [row]) for row in (one, other)]
    return find_difference(*sides, MARGINS, SEED_SD)


def test_only_what_differs_is_named(project: Path) -> None:
    found = compare_rows(project)
    assert [(change.kind, change.key, change.one, change.other) for change in found.changes] == [
        ("params", "train.lr", "1e-05", "0.0001")
    ]
    write_runs(project, "iteration_1", 160, code="d" * 64)
    assert [(change.kind, change.key) for change in compare_rows(project).changes] == [("code", "code")]


def test_an_option_that_a_record_is_older_than_was_at_its_neutral_value(project: Path) -> None:
    write_runs(project, "iteration_1", 160, **{"train.clip_norm": None, "train.mixing": "repeat", "train.mixout": 0.1})
    assert [(change.key, change.one, change.other) for change in compare_rows(project).changes] == [
        ("train.mixout", "0.0", "0.1")
    ]


def test_a_score_has_its_interval(project: Path) -> None:
    (score,) = compare_rows(project).scores
    assert (score.metric, score.one, score.other, score.num_seeds) == ("sst.accuracy", 0.5, 0.8, (2, 2))
    assert score.interval[0] < score.difference < score.interval[1]
    # Sixty of 200 examples changed for the better: that is more than noise.
    assert score.mark == "*"


def test_a_small_difference_is_not_clear(project: Path) -> None:
    write_runs(project, "iteration_1", 101)
    (score,) = compare_rows(project).scores
    assert score.interval[0] < 0 < score.interval[1]
    assert not score.mark


def test_the_overall_interval_is_that_of_independent_tasks(project: Path) -> None:
    sides = []
    for row, num_right in (("baseline", 100), ("iteration_1", 110)):
        side = read_side(row, project, "tiny", [row])
        ((place, runs),) = side.rows.items()
        for run in runs:
            write_answers(run.predictions["sst"].with_name("sts.csv"), num_right)
        scores = {"sst.accuracy": num_right / 200, "sts.accuracy": num_right / 200, "overall": num_right / 200}
        files = [run.predictions["sst"].with_name("sts.csv") for run in runs]
        runs = [
            replace(run, scores=scores, predictions=run.predictions | {"sts": file})
            for run, file in zip(runs, files, strict=True)
        ]
        sides.append(Side(row, {place: runs}))
    found = find_difference(*sides, MARGINS, SEED_SD)
    half = {score.metric: (score.interval[1] - score.interval[0]) / 2 for score in found.scores}
    expected = (half["sst.accuracy"] ** 2 + half["sts.accuracy"] ** 2) ** 0.5 / 2
    assert half["overall"] == pytest.approx(expected)


def test_overall_of_other_tasks_is_no_difference(project: Path) -> None:
    sides = [read_side(row, project, "tiny", [row]) for row in ("baseline", "iteration_1")]
    for side, more in zip(sides, ({}, {"para.macro_f1": 0.5}), strict=True):
        for place, runs in side.rows.items():
            side.rows[place] = [replace(run, scores=run.scores | more | {"overall": 0.5}) for run in runs]
    assert [score.metric for score in find_difference(*sides, MARGINS, SEED_SD).scores] == ["sst.accuracy"]


def test_flips_are_those_that_one_side_alone_has_right(project: Path) -> None:
    found = compare_rows(project)
    assert [flip.id for flip in found.flips] == [f"id{number}" for number in range(100, 160)]
    assert all(flip.is_fixed and (flip.label, flip.one, flip.other) == (1, 0, 1) for flip in found.flips)
    assert not any(flip.is_fixed for flip in compare_rows(project, "iteration_1", "baseline").flips)


def test_seeds_vote(project: Path) -> None:
    """With one of two seeds right the lower class wins: no flip against a side that has neither right."""
    for seed, num_right in ((0, 100), (1, 160)):
        write_answers(project / f"artifacts/tiny/predictions/phase2/iteration_1-{seed}/sst.csv", num_right)
    assert compare_rows(project).flips == []


def test_a_similarity_is_right_within_a_fifth_of_the_scale(project: Path) -> None:
    answers = {"baseline": ("3.9", "2", "1.5", "5", "0"), "iteration_1": ("4.1", "3", "3.5", "5", "0")}
    sides = []
    for row, values in answers.items():
        examples = zip("abcde", (3, 3, 3, 5, 0), values, strict=True)
        lines = [f"{name},{label},{value}\n" for name, label, value in examples]
        path = project / f"{row}/sts.csv"
        write_text(path, "".join(["id,label,prediction\n", *lines]))
        side = read_side(row, project, "tiny", [row])
        ((place, runs),) = side.rows.items()
        sides.append(Side(row, {place: [replace(runs[0], scores={"sts.pearson": 0.0}, predictions={"sts": path})]}))
    flips = find_difference(*sides, MARGINS, SEED_SD).flips
    assert [(flip.id, flip.is_fixed) for flip in flips] == [("c", True), ("a", False)]


def test_other_examples_are_said_and_leave_the_scores(project: Path) -> None:
    for seed in (0, 1):
        path = project / f"artifacts/tiny/predictions/phase2/iteration_1-{seed}/sst.csv"
        path.write_text(path.read_text().replace("id0,", "other,"))
    found = compare_rows(project)
    (score,) = found.scores
    assert score.interval is None
    assert found.flips == []
    assert any("other ids" in remark for remark in found.remarks)


def test_rows_of_one_side_alone_are_named(project: Path) -> None:
    everything = read_side("all", project, "tiny")
    one = Side("one", {place: runs for place, runs in everything.rows.items() if place[1] == "baseline"})
    found = find_difference(everything, one, MARGINS, SEED_SD)
    assert found.only == (["iteration_1"], [])
