"""The command around the runs."""

import sys

import pytest

from pipeline.engine import graph
from stages.repro import main


@pytest.mark.parametrize("moment", [("plan@tiny",), ()], ids=["plan", "report"])
def test_an_interrupt_while_dvc_works_is_one_line_and_no_traceback(tiny, monkeypatch, capsys, moment):
    def interrupt(*targets: str) -> None:
        if targets == moment:
            raise KeyboardInterrupt

    class NothingToTrain:
        def __init__(self, *arguments: object) -> None:
            self.failed = {}

        def run(self) -> "NothingToTrain":
            return self

    monkeypatch.setattr(graph, "repro", interrupt)
    monkeypatch.setattr("pipeline.engine.parallel.Parallel", NothingToTrain)
    monkeypatch.setattr(graph, "Graph", lambda *arguments, **options: pytest.MonkeyPatch.context())
    monkeypatch.setattr(sys, "argv", ["repro"])
    assert main() == 130
    assert "the same command resumes" in capsys.readouterr().err
