"""What the whole graph leaves: stages, tables, metrics and plots, as the interfaces say."""

import json
from pathlib import Path

import yaml

from pipeline.runs.layout import DATA_STAGES
from tests.graph.project import ROWS
from tests.tiny import PROFILE


def test_the_stage_names_stay(project):
    names = set(project.dvc("stage", "list", "--name-only").stdout.split())
    for row in ROWS:
        assert {f"start@tiny-{row}-0", f"phase2@tiny-{row}-0", f"eval_phase2@tiny-{row}-0"} <= names
    for mode in ("pretrain", "finetune"):
        assert {f"part1@tiny-sst-{mode}-0", f"eval_part1@tiny-sst-{mode}-0"} <= names
    assert {"phase1@tiny-sst_then_sts-0", "eval_phase1@tiny-sst_then_sts-0"} <= names
    single = {f"{name}@tiny" for name in ("digest", *DATA_STAGES, "plan", "report", "track")}
    assert single <= names and len(names) == 3 * len(ROWS) + 4 + 2 + len(single)
    assert len(project.first_run) == len(names), "the first run runs every stage"


def test_commands_json_says_what_dvc_runs(project):
    """Machines without DVC follow commands.json."""
    commands = json.loads((project.root / f"artifacts/{PROFILE}/plan/commands.json").read_text())
    lock = yaml.safe_load((project.root / "dvc.lock").read_text())["stages"]
    left_to_dvc = {f"{name}@tiny" for name in ("digest", *DATA_STAGES, "plan", "track")}
    assert {row["stage"]: row["command"] for row in commands} == {
        name: stage["cmd"] for name, stage in lock.items() if name not in left_to_dvc
    }
    made_by = {out["path"]: stage for stage in lock for out in lock[stage]["outs"]}
    done = set(left_to_dvc)
    for row in commands:
        needs = {made_by[dep["path"]] for dep in lock[row["stage"]]["deps"] if dep["path"] in made_by}
        assert needs <= done, f"{row['stage']} comes before what it needs"
        done.add(row["stage"])
        assert any(Path(row["done"]).is_relative_to(out["path"]) for out in lock[row["stage"]]["outs"])


def test_results_are_what_the_interfaces_say(template):
    results = template.root / f"results/{PROFILE}"
    for name in ("table1.csv", "table2.csv"):
        assert (results / name).read_text().splitlines()[0] == "row,task,metric,mean,sd,n,paper"
    metrics = json.loads((results / "metrics.json").read_text())
    assert set(metrics) == {"sst_pretrain", "sst_finetune", *ROWS}
    assert set(metrics["iteration_3"]) == {"sst.accuracy", "para.accuracy", "sts.pearson", "overall"}
    assert (results / "predictions/phase2/iteration_3-0/para.csv").read_text().startswith("id,label,prediction\n")
    for name in ("figure2.png", "figure3.png", "conflicts.png"):
        assert (results / name).read_bytes().startswith(b"\x89PNG")
    folder = template.root / f"artifacts/{PROFILE}"
    weights = folder / "phase2/iteration_3-0/weights.safetensors"
    assert weights.stat().st_nlink > 1, "DVC's cache links to it instead of holding a copy"
    assert {path.name for path in (folder / "phase2/iteration_3-0").iterdir()} == {
        "weights.safetensors",
        "model.json",
        "vocab.txt",
    }


def test_dvc_metrics_and_plots_work(project):
    project.git("add", "--force", "results", "dvc.lock", "params.yaml")
    project.git("commit", "--quiet", "--message", "results")
    path = project.root / f"results/{PROFILE}/metrics.json"
    metrics = json.loads(path.read_text())
    metrics["iteration_3"]["overall"] += 0.25
    path.write_text(json.dumps(metrics))
    diff = json.loads(project.dvc("metrics", "diff", "--json", "HEAD").stdout)
    changed = {key: round(value["diff"], 6) for values in diff.values() for key, value in values.items()}
    assert changed == {"iteration_3.overall": 0.25}
    project.dvc("plots", "show", "--out", str(project.root / ".work/plots"))
    assert (project.root / ".work/plots/index.html").exists()
