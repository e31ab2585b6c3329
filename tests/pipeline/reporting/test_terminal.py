"""`stages.show`: the tables as they fit a terminal, and the files that the report wrote."""

import pandas as pd
import pytest

from pipeline.reporting.report import write_report
from pipeline.reporting.terminal import WIDTH, render_tables
from stages import show
from tests.tiny import REPOSITORY, call_stage

SCORES = {"sst": 0.4, "para": 0.8, "sts": 0.6, "cfimdb": 0.9}
LONG = "iteration_with_quite_a_long_name_indeed"


@pytest.fixture
def reported(profile, tmp_path, monkeypatch):
    """A report of a wide table: four tasks, a long name, collapsed cells, values of the paper."""
    profile.add("part1", "sst_pretrain", [{"sst": 0.25}, {"sst": 0.75}], paper={"sst": 0.399})
    profile.add("phase2", "iteration_2", [SCORES] * 2, paper={"sst": 0.499})
    profile.add("phase2", LONG, [SCORES | {"sst": 0.9, "para": 0.2}] * 2, control="iteration_2")
    for row in ("iteration_2", LONG):
        for seed in (0, 1):
            profile.collapse("phase2", row, seed, "cfimdb")
    (tmp_path / "params.yaml").write_text((REPOSITORY / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    write_report("demo")
    return profile


def test_the_tables_fit_a_terminal_and_hold_what_the_report_says(reported):
    text = render_tables(reported.results)
    lines = text.splitlines()
    assert max(map(len, lines)) <= WIDTH == 100
    table = pd.read_csv(reported.results / "intervals.csv").set_index(["row", "task"])
    mean, low, high = table.loc[(LONG, "para"), ["mean", "low", "high"]]
    score = f"{mean:.3f} ±{(high - low) / 2:.3f}".replace("0.", ".")
    assert any(line.startswith(LONG) and score in line for line in lines)
    controls = pd.read_csv(reported.results / "controls.csv").set_index("task")
    (better, worse) = (line for line in lines if line.startswith(f"  {LONG}"))  # too wide for one part
    assert f"{controls.difference['sst']:+.3f} ±".replace("0.", ".") in better and "▲" in better and "▼" in better
    assert "both †" in better + worse
    assert "minus iteration_2" in text and ".399" in text and ".499" in text
    for note in ("† collapsed", "▲ better", "paraphrase scores of minilm are not comparable", "half of the 95%"):
        assert note.lower() in " ".join(text.split()).lower()
    assert not {"`", "*"} & set(text)


@pytest.mark.parametrize(("option", "suffix"), [("--csv", "csv"), ("--latex", "tex")])
def test_the_files_of_the_report_as_they_are(reported, capsys, option, suffix):
    call_stage(show, "--profile", "demo", option)
    names = ("table1", "table2", "controls")
    texts = [(reported.results / f"{name}.{suffix}").read_text() for name in names]
    assert capsys.readouterr().out == "\n".join(texts) + "\n"


def test_without_a_report_the_message_says_what_makes_one(reported):
    with pytest.raises(ValueError, match=r"results/none/table1.csv: no such file; `make run`"):
        call_stage(show, "--profile", "none")
