"""`python -m stages.diff`: what it prints and writes."""

from pathlib import Path

import pytest

from pipeline.files.atomic import write_text
from stages import diff
from tests.pipeline.gate.difference.conftest import IDS, write_runs
from tests.tiny import call_stage


def test_two_rows_in_the_terminal_and_as_markdown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "".join(f"0\t{name}\tthe text | of {name}\t1\n" for name in IDS)
    write_text(project / "artifacts/tiny/corpus/ids-sst-dev.csv", f"\tid\tsentence\tsentiment\n{text}")
    call_stage(diff, "baseline", "iteration_1", "--profile", "tiny", "--markdown", "out.md")
    printed, written = capsys.readouterr().out, Path("out.md").read_text()
    assert "params  train.lr  1e-05     0.0001" in printed
    assert "sst.accuracy  0.500     0.800        +0.300" in printed
    assert "60 right only in iteration_1, 0 right only in baseline; the 10 that moved furthest." in printed
    assert "id100  1      0         1            iteration_1  the text | of id100" in printed
    assert written.startswith("# baseline against iteration_1\n")
    assert "| params | train.lr | 1e-05 | 0.0001 |" in written
    assert "| id100 | 1 | 0 | 1 | iteration_1 | the text \\| of id100 |" in written


def test_without_the_corpus_ids_must_do(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_stage(diff, "baseline", "iteration_1", "--profile", "tiny")
    assert "id100  1      0         1            iteration_1\n" in capsys.readouterr().out


def test_nothing_differs(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_stage(diff, "baseline", "baseline", "--profile", "tiny")
    printed = capsys.readouterr().out
    assert "What differs" not in printed and "Flipped" not in printed
    assert "+0.000 to +0.000" in printed


def test_collapsed_scores_are_marked_and_two_of_them_have_no_difference(project: Path, capsys) -> None:
    write_runs(project, "baseline", 199)
    call_stage(diff, "baseline", "iteration_1", "--profile", "tiny")
    assert "sst.accuracy  0.995†    0.800        -0.195" in capsys.readouterr().out
    write_runs(project, "iteration_1", 1)
    call_stage(diff, "baseline", "iteration_1", "--profile", "tiny")
    assert "sst.accuracy  0.995†    0.005†       both collapsed" in capsys.readouterr().out
