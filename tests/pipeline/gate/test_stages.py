"""`stages.check` and `stages.bless` as they are called: exit codes, files, the baseline that git keeps."""

import csv
import gzip
import json
import shutil
import sys

import pytest

from pipeline.command import Refused, run
from pipeline.files.atomic import write_json
from stages import bless as bless_stage
from stages import check as check_stage
from tests.pipeline.gate.conftest import predict, write_predictions
from tests.tiny import LOADER, REPOSITORY, dump_yaml, yaml

SST, STS, PART1 = ("phase2", "row", "sst"), ("phase2", "row", "sts"), ("part1", "sst_finetune", "sst")
ROWS = {SST: (0.5, (0, 1, 2)), STS: (0.75, (0, 1, 2)), PART1: (0.5, (0, 1, 2))}


@pytest.fixture
def project(tmp_path, monkeypatch, write):
    """A project with results of the profile sample, as its plan lists them; nothing blessed yet."""
    monkeypatch.chdir(tmp_path)
    set_params(tmp_path)
    write("results/sample/predictions", ROWS)
    rows = {"part1": [{"row": "sst_finetune"}], "phase1": [], "phase2": [{"row": "row"}]}
    write_json(tmp_path / "artifacts/sample/plan/index.json", rows | {"seeds": [0, 1, 2]})
    return tmp_path


def set_params(root, floors=None, may_collapse=None) -> None:
    params = yaml.load((REPOSITORY / "params.yaml").read_text(), LOADER)
    params["profile"], params["profiles"]["sample"]["floors"] = "sample", floors or {}
    params["profiles"]["sample"]["may_collapse"] = may_collapse or {}
    params["iterations"]["row"] = {"schedule": [], "tasks": ["sst", "sts"]}
    params["rows"].append("row")
    (root / "params.yaml").write_text(dump_yaml(params))


def check(monkeypatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["check", *map(str, arguments)])
    return check_stage.main()


def bless(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["bless", *arguments])
    bless_stage.main()


def retrain(root, phase, row, task, score, seeds=(0, 1, 2), start=100) -> None:
    """Other predictions in the place of the present ones."""
    for seed in seeds:
        folder = root / "results/sample/predictions" / phase / f"{row}-{seed}"
        write_predictions(folder, task, predict(task, score, start + seed))


def damage(path) -> None:
    """Compressed, as in a baseline, with one byte changed."""
    content = bytearray(gzip.compress(path.read_bytes()))
    content[20] ^= 255
    path.with_name(f"{path.name}.gz").write_bytes(content)
    path.unlink()


def test_two_folders_with_a_drop_exit_1_and_name_it(project, write, monkeypatch, capsys):
    worse = write("worse", ROWS | {STS: (0.4, (5, 6))})
    arguments = ["--baseline", project / "results/sample/predictions", "--current", worse]
    assert check(monkeypatch, *arguments, "--markdown", "out/check.md", "--json", "out/check.json") == 1
    assert "regressed: row sts (phase2)" in capsys.readouterr().out
    assert "**regressed**" in (project / "out/check.md").read_text()
    regressed = [row for row in json.loads((project / "out/check.json").read_text())["verdicts"]
                 if row["verdict"] == "regressed"]  # fmt: skip
    assert [(row["row"], row["task"], row["baseline_seeds"], row["current_seeds"]) for row in regressed] == [
        ("row", "sts", 3, 2)
    ]


def test_two_equal_folders_exit_0_whatever_the_floors(project, monkeypatch, capsys):
    set_params(project, {"row": {"sst": 0.99}})
    folder = project / "results/sample/predictions"
    assert check(monkeypatch, "--baseline", folder, "--current", folder) == 0
    counts = "3 comparisons: 0 regressed, 0 both collapsed, 0 inconclusive, 3 equivalent, 0 improved; 3 of"
    assert counts in capsys.readouterr().out


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda folder: shutil.rmtree(folder / "part1"), "not in the current predictions: part1/sst_finetune/sst"),
        (lambda folder: shutil.rmtree(folder), "no such folder"),
        (lambda folder: write_predictions(folder / "phase2/row-0", "sst", [1] * 400, range(399)), "other ids than"),
        (lambda folder: write_predictions(folder / "phase2/row-0", "sst", [float("nan")] * 400), "allowed: finite"),
        (lambda folder: damage(folder / "phase2/row-0/sst.csv"), "row-0/sst.csv.gz: cannot be read"),
    ],
)
def test_what_cannot_be_compared_exits_2_and_says_why(project, monkeypatch, capsys, break_it, message):
    import runpy

    baseline, current = project / "results/sample/predictions", project / "current"
    shutil.copytree(baseline, current)
    break_it(current)
    monkeypatch.setattr(sys, "argv", ["check", "--baseline", str(baseline), "--current", str(current)])
    monkeypatch.delitem(sys.modules, "stages.check")
    with pytest.raises(SystemExit) as exited:
        runpy.run_module("stages.check", run_name="__main__")
    assert exited.value.code == 2
    assert message in capsys.readouterr().err


def test_a_mistake_of_ours_does_not_look_like_a_regression(capsys):
    def main() -> None:
        raise KeyError("a mistake")

    with pytest.raises(SystemExit) as exited:
        run(main, exit_code=2)
    assert exited.value.code == 2 and "KeyError: 'a mistake'" in capsys.readouterr().err


def test_a_task_that_params_lack_is_refused(project, monkeypatch):
    folder = project / "results/sample/predictions"
    (folder / "phase2/row-0/sst.csv").rename(folder / "phase2/row-0/other.csv")
    with pytest.raises(ValueError, match="tasks that params.yaml lacks: other; allowed: sst, para, sts, cfimdb"):
        check(monkeypatch, "--baseline", folder, "--current", folder)


def test_one_folder_alone_is_a_usage_error(project, monkeypatch):
    with pytest.raises(SystemExit) as exited:
        check(monkeypatch, "--baseline", project)
    assert exited.value.code == 2


def test_without_a_baseline_the_message_says_how_to_get_one(project, monkeypatch):
    with pytest.raises(ValueError, match="baseline/sample/predictions: no such folder: .*`make bless`"):
        check(monkeypatch)


def test_what_was_blessed_passes_a_reseed_passes_and_a_break_does_not(project, monkeypatch, capsys):
    bless(monkeypatch)
    assert check(monkeypatch) == 0
    retrain(project, "phase2", "row", "sst", 0.5)
    assert check(monkeypatch) == 0
    retrain(project, "phase2", "row", "sst", 0.35)
    assert check(monkeypatch) == 1
    assert "regressed: row sst (phase2)" in capsys.readouterr().out
    bless(monkeypatch, "--yes")
    assert check(monkeypatch) == 0


def test_what_the_plan_does_not_list_is_neither_checked_nor_blessed(project, monkeypatch):
    retrain(project, "phase2", "gone", "sst", 0.5)
    retrain(project, "phase2", "row", "sst", 0.1, seeds=(9,))
    bless(monkeypatch)
    kept = sorted(path.name for path in (project / "baseline/sample/predictions/phase2").iterdir())
    assert kept == ["row-0", "row-1", "row-2"]
    shutil.rmtree(project / "results/sample/predictions/phase2/row-1")
    with pytest.raises(ValueError, match="row-1: no predictions, but the plan lists this run"):
        check(monkeypatch)


def test_results_that_were_brought_in_are_checked_by_their_own_plan(project, monkeypatch):
    bless(monkeypatch)
    plan = project / "results/sample/imported/plan"
    plan.parent.mkdir()
    shutil.move(project / "artifacts/sample/plan", plan)
    assert check(monkeypatch) == 0


def test_floors_are_of_make_check_alone(project, monkeypatch, capsys):
    bless(monkeypatch)
    set_params(project, {"row": {"sst": 0.6}, "sst_finetune": {"sst": 0.2}})
    assert check(monkeypatch) == 1
    assert capsys.readouterr().out.count("below its floor: row sst: 0.5000, at least 0.6.") == 1
    set_params(project, {"rwo": {"sst": 0.6}})
    with pytest.raises(ValueError, match="floors: 'rwo' is unknown; allowed: sst_pretrain"):
        check(monkeypatch)


def test_a_collapsed_cell_fails_whatever_the_baseline_unless_it_is_listed(project, monkeypatch, capsys):
    folder = project / "results/sample/predictions/phase2"
    write_predictions(folder / "row-1", "sst", [3.0] * 398 + [1.0] * 2)
    for seed in (0, 1, 2):
        write_predictions(folder / f"row-{seed}", "sts", [2.5] * 400)
    bless(monkeypatch)
    assert check(monkeypatch) == 1
    text = capsys.readouterr().out
    assert "collapsed†: row sst: one prediction for 99.5% of the examples in 1 of 3 seeds; the profile's" in text
    assert "collapsed†: row sts: a spread of 0.0000 of the labels' in 3 of 3 seeds" in text
    assert "1 both collapsed" in text and "newly collapsed" not in text
    set_params(project, may_collapse={"row": ["sst", "sts"]})
    assert check(monkeypatch) == 0


def test_the_baseline_is_readable_and_the_same_bytes_twice(project, monkeypatch):
    bless(monkeypatch)
    folder = project / "baseline/sample"
    first = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    bless(monkeypatch, "--yes")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == first
    assert first[folder / "predictions/phase2/row-0/sst.csv.gz"][4:8] == bytes(4), "no time in the archive"
    with (folder / "metrics.csv").open() as file:
        lines = {(row["row"], row["task"]): row for row in csv.DictReader(file)}
    assert list(lines) == [("sst_finetune", "sst"), ("row", "sst"), ("row", "sts")]
    assert lines["row", "sst"] == {
        "phase": "phase2", "row": "row", "task": "sst", "metric": "accuracy", "mean": "0.500000", "sd": "0.000000",
        "seeds": "0 1 2",
    }  # fmt: skip


def test_a_baseline_is_replaced_with_yes_alone(project, monkeypatch):
    bless(monkeypatch)
    before = (project / "baseline/sample/metrics.csv").read_text()
    retrain(project, "phase2", "row", "sst", 0.35)
    with pytest.raises(Refused, match="baseline/sample"):
        bless(monkeypatch)
    assert (project / "baseline/sample/metrics.csv").read_text() == before
    bless(monkeypatch, "--yes")
    assert (project / "baseline/sample/metrics.csv").read_text() != before


def test_a_bless_that_fails_leaves_the_old_baseline(project, monkeypatch):
    bless(monkeypatch)
    before = (project / "baseline/sample/metrics.csv").read_text()
    write_predictions(project / "results/sample/predictions/phase2/row-0", "sts", [float("nan")] * 400)
    with pytest.raises(ValueError, match="row-0/sts.csv: prediction of"):
        bless(monkeypatch, "--yes")
    assert (project / "baseline/sample/metrics.csv").read_text() == before
    assert [path.name for path in (project / "baseline").iterdir()] == ["sample"]
