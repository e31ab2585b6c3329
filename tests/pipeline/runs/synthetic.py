"""A project whose stages take a moment: plan's real commands, and `stages/` that write what the real ones would."""

import signal
import sys
import time
from pathlib import Path
from typing import Any

from pipeline.files.atomic import read_json, write_json, write_text
from pipeline.files.digest import hash_bytes
from pipeline.runs import layout
from pipeline.runs.record import read_record, write_record
from pipeline.runs.run_files import Run, read_run

PROFILE = "tiny"
ROWS = {"part1": "sst_pretrain", "phase1": "sst_then_sts", "phase2": "iteration_3"}
SCORES = {"sst.accuracy": 0.5, "sst.majority_accuracy": 0.3, "para.accuracy": 0.6, "para.majority_accuracy": 0.6}
SCORES |= {"sts.pearson": 0.7, "overall": 0.6}
HISTORY = "leg,epoch,step,split,task,metric,value\n1,1,10,train,sst,accuracy,0.5\n1,1,10,dev,sst,accuracy,0.5\n"
STAGES = ("train", "evaluate", "start", "report")
CALLS, FAULTS = Path("calls.txt"), Path("faults.json")


def write_project(root: Path, seeds: tuple[int, ...] = (0,)) -> None:
    """Plan and stages of three runs per seed."""
    from pipeline.config.plan import make_commands  # imports torch, which the stages below do not need

    runs = [make_run(phase, seed) for seed in seeds for phase in ROWS]
    plan = root / layout.plan(PROFILE)
    for run in runs:
        write_json(plan / "runs" / run["phase"] / f"{run['row']}-{run['seed']}.json", run)
    write_json(plan / "commands.json", make_commands(runs, PROFILE))
    write_json(plan / "index.json", make_index(seeds))
    write_text(root / "stages" / "__init__.py", "")
    for name in STAGES:
        call = f"from tests.pipeline.runs.synthetic import act\nact({name!r})\n"
        write_text(root / "stages" / f"{name}.py", call)


def make_run(phase: str, seed: int, **changes: Any) -> dict[str, Any]:
    tasks = ("sst",) if phase == "part1" else ("sst", "para", "sts")
    names = {"version": 1, "profile": PROFILE, "phase": phase, "row": ROWS[phase], "seed": seed}
    rest = {"schedule": [], "tasks": {task: {} for task in tasks}, "train": {}}
    return names | rest | ({"start": "sst_then_sts"} if phase == "phase2" else {}) | changes


def make_index(seeds: tuple[int, ...]) -> dict[str, Any]:
    tasks = {"part1": ["sst"], "phase1": ["sst", "sts"], "phase2": ["sst", "para", "sts"]}
    return {
        "profile": PROFILE, "description": "For tests.", "encoder": "tiny_random", "caveats": [], "seeds": list(seeds),
        "tasks": {"sst": {"metric": "accuracy"}, "para": {"metric": "accuracy"}, "sts": {"metric": "pearson"}},
        **{phase: [{"row": row, "tasks": tasks[phase], "paper": {}}] for phase, row in ROWS.items()},
        "figures": {"phase1": ROWS["phase1"], "phase2": ROWS["phase2"]},
    }  # fmt: skip


def act(stage: str) -> None:
    """What a stage of the synthetic project does when it is run: note its name, then its work or its fault."""
    path = Path(sys.argv[sys.argv.index("--run") + 1]) if "--run" in sys.argv else None
    call = f"{stage} {path.parent.name}/{path.stem}" if path else stage
    fault = read_json(FAULTS).get(call) if FAULTS.exists() else None
    if fault == "hang":
        signal.signal(signal.SIGTERM, lambda *_: (write_text(Path("stopped"), call), sys.exit(1)))
    with CALLS.open("a") as calls:
        print(call, file=calls)
    if fault == "hang":
        time.sleep(60)
    if fault == "fail":
        sys.exit(3)
    if fault != "leave nothing":
        ACTIONS[stage](read_run(path) if stage in ("train", "evaluate") else path)


def write_training(run: Run) -> None:
    folder = layout.training_record(*run.place)
    files = {"history.csv": HISTORY, "run.json": run.path.read_text()}
    files |= {"start.json": run.start_path.read_text()} if run.start_path else {}
    for name, text in files.items():
        write_text(folder / name, text)
    artifacts = [str(folder / name) for name in files]
    write_text(layout.model(*run.place) / "weights.safetensors", run.key)
    write_record(folder / "record.json", make_record(run.identity("training"), artifacts=artifacts))


def write_evaluation(run: Run) -> None:
    files = [layout.predictions(*run.place) / f"{task}.csv" for task in run.spec["tasks"]]
    for file in files:
        write_text(file, f"id,label,prediction\n{run.key},1,1\n")
    metrics = {key: [[0, 2, value]] for key, value in SCORES.items()}
    record = make_record(run.identity("evaluation"), metrics=metrics, artifacts=[str(file) for file in files])
    write_record(layout.evaluation_record(*run.place) / "record.json", record)


def write_start(path: Path) -> None:
    run = read_json(path)
    record = read_record(layout.training_record(PROFILE, "phase1", run["start"], run["seed"]) / "record.json")
    write_json(layout.start_file(PROFILE, run["row"], run["seed"]), {"kind": "phase1", "sha256": record["run_key"]})


def write_report(_: None) -> None:
    results = layout.results(PROFILE)
    keys = "".join(read_record(path)["run_key"] for path in sorted(layout.records(PROFILE).rglob("record.json")))
    artifacts = [str(results / name) for name in ("table2.csv", "table2.md", "figure3.png", "metrics.json")]
    for artifact in artifacts:
        write_text(Path(artifact), "{}" if artifact.endswith("json") else keys)
    identity = {"kind": "summary", "profile": PROFILE, "phase": "summary", "row": "summary", "seed": None}
    record = make_record(identity | {"run_key": hash_bytes(keys.encode())}, artifacts=artifacts)
    write_record(layout.summary_record(PROFILE) / "record.json", record)


def make_record(identity: dict[str, Any], **changes: Any) -> dict[str, Any]:
    rest = {
        "version": 2, "status": "finished", "start_time": 1, "end_time": 2, "params": {}, "tags": {}, "metrics": {},
        "datasets": [], "artifacts": [], "environment": {"cpu": "far away"}, "replay": {},
    }  # fmt: skip
    return identity | rest | changes


ACTIONS = {"train": write_training, "evaluate": write_evaluation, "start": write_start, "report": write_report}
