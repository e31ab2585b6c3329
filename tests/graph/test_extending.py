"""docs/extending.md, done on a copy of the tiny project: every kind of thing is added, and nothing else is edited."""

import csv
import hashlib
import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from tests.graph.project import trained
from tests.tiny import ENCODER, PROFILE, REPOSITORY, write_random_encoder

PAGE = (REPOSITORY / "docs/extending.md").read_text()
DIFF = re.search(r"^```diff\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1].splitlines()

FILES = dict(re.findall(r"^`([\w./-]+)`\n\n```\w*\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)) | {
    "model/pooling/max.py": '''"""The largest value of each number over a sequence's tokens."""

import torch

USES_POOLER = False


def pool(hidden_TD, batch, encoder):
    return torch.segment_reduce(hidden_TD.to(encoder.pooler.weight.dtype), "max", offsets=batch.bounds_B1, axis=0)
''',
    "model/schedules/warm_up.py": '''"""Up to 1 in the first steps, then down to 0."""

from typing import Annotated

from model.registry import Bounds


def factor(step: int, num_steps: int, *, share: Annotated[float, Bounds(0, 1)] = 0.1) -> float:
    up = share * num_steps
    return min(1.0, (step + 1) / max(up, 1.0), (num_steps - step) / max(num_steps - up, 1.0))
''',
    "model/rates/two_speeds.py": '''"""The encoder's layers more slowly than what is above them."""

from typing import Annotated

from model.registry import Bounds


def factor(depth: int, num_layers: int, step: int, num_steps: int, *, low: Annotated[float, Bounds(0.1, 1)] = 0.5):
    return 1.0 if depth > num_layers else low
''',
    "model/averages/halfway.py": '''"""Half of the way to the weights after each step."""


def share(step: int, steps_per_epoch: int) -> float:
    return 0.5
''',
    "model/regularisers/small_outputs.py": '''"""Outputs near 0."""


def penalty(first, *, alpha: float = 0.1):
    return alpha * first.output.float().square().mean()
''',
    "pipeline/training/mixing/rotate.py": '''"""Some of the tasks in each step, in turn."""

from typing import Annotated

from model.registry import Bounds
from pipeline.training.mixing import repeat


def mix(num_examples, batch_size, *, seed, leg, epoch, together: Annotated[int, Bounds(1)] = 1):
    tasks = list(num_examples)
    steps = []
    for number, step in enumerate(repeat.mix(num_examples, batch_size, seed=seed, leg=leg, epoch=epoch)):
        chosen = {tasks[(number + place) % len(tasks)] for place in range(together)}
        steps.append({task: positions for task, positions in step.items() if task in chosen})
    return steps
''',
    "pipeline/training/augmentation/turn.py": '''"""The words from another one on, those before it at the end."""


def augment(words, generator):
    first = generator.integers(len(words))
    return words[first:] + words[:first]
''',
    "pipeline/evaluation/metrics/within_one.py": '''"""The fraction of predictions that are the label or next to it."""

import numpy as np

LABEL, LABELS = "within one", "classes"


def score(labels_N, predictions_N):
    return float(np.mean(np.abs(np.asarray(labels_N) - np.asarray(predictions_N)) <= 1))


def parts(labels_N, predictions_N, score):
    return (np.abs(labels_N - predictions_N) <= 1).astype(np.float64)
''',
}
CONTRACTS = [
    *(f"tests/model/test_{name}.py" for name in ("averages", "bert", "combine", "heads", "multitask")),
    *(f"tests/model/test_{name}.py" for name in ("rates", "regularisers", "schedules")),
    "tests/pipeline/training/test_augmentation.py",
    "tests/pipeline/training/test_mixing.py",
    "tests/pipeline/evaluation/test_metrics.py",
    "tests/pipeline/statistics/test_bootstrap.py",
]
EVERYTHING = yaml.safe_load("""
rows: [everything]
tasks: {entailment: {metric: within_one}}
encoders:
  cased: {}
  cased_more: {adapted_from: cased, adapt: {tasks: [sst], epochs: 1, batch_size: 8, learning_rate: 1.0e-3}}
phase1:
  cased_sst: {encoder: cased_more, schedule: [{tasks: [sst], epochs: 1}], train: {pooling: max}}
iterations:
  everything:
    control: with_entailment
    encoder: cased_more
    start: cased_sst
    heads: {entailment: {bilinear: {bias: false}}}
    schedule: [{tasks: [sst, para, entailment], epochs: 1, combine: {normalise: {power: 0.5}}}]
    train:
      pooling: max
      learning_rate_schedule: {warm_up: {share: 0.3}}
      mixing: {rotate: {together: 2}}
      rates: {two_speeds: {low: 0.2}}
      average: halfway
      regulariser: {small_outputs: {alpha: 0.01}}
      augmentation: turn
""")


def merge(section: dict[str, Any], added: dict[str, Any]) -> None:
    """Put keys into a section of params.yaml; a list gets what it does not have."""
    for key, value in added.items():
        if isinstance(value, dict):
            merge(section.setdefault(key, {}), value)
        elif isinstance(value, list) and key in section:
            section[key] += [item for item in value if item not in section[key]]
        else:
            section[key] = value


@pytest.fixture(scope="module")
def extended(project):
    """The project with everything in it; `ran` are the stages that its `dvc repro` ran."""
    for name, text in FILES.items():
        path = project.root / name
        assert not path.exists()
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    params = project.params
    added = yaml.safe_load("\n".join(line[1:] for line in DIFF if not line.startswith("-")))
    merge(params, added | {"profiles": {PROFILE: added["profiles"]["sample"]}})
    folder = project.mirror / "cased"
    files = write_random_encoder(folder, cased=True)
    config = json.loads((project.root / f"artifacts/{PROFILE}/encoders/{ENCODER}/config.json").read_text())
    config["vocab_size"] = len(files[1].read_text().splitlines())
    published = {"config.json": config, "tokenizer_config.json": {"do_lower_case": False}}
    for name, content in published.items():
        (folder / name).write_text(json.dumps(content))
        files.append(folder / name)
    pins = {f"cased/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    merge(params, EVERYTHING | {"assets": {name: {"sha256": pin, "sources": []} for name, pin in pins.items()}})
    project.write(params)
    project.ran = project.repro()
    return project


@pytest.fixture(autouse=True)
def restore_params(extended):
    before = extended.params
    yield
    extended.write(before)


def test_the_page_changes_lines_that_are_there():
    lines = (REPOSITORY / "params.yaml").read_text().splitlines()
    places = [next(n for n, line in enumerate(lines) if line.startswith(old[1:])) for old in DIFF if old[0] != "+"]
    assert places == sorted(places)


def test_the_new_rows_and_nothing_else_are_trained_and_evaluated(extended):
    new = ["phase1@-cased_sst-0", "phase2@-everything-0", "phase2@-with_entailment-0"]
    assert trained(extended.ran) == new
    assert sorted(stage for stage in extended.ran if stage.startswith("eval_")) == [f"eval_{stage}" for stage in new]
    changed = extended.git("status", "--porcelain", "--untracked-files=all").splitlines()
    new = {line[3:] for line in changed if line.startswith("??") and not line[3:].startswith("results/")}
    assert new == {*FILES, "dvc.lock"}
    assert {line[3:] for line in changed if line.startswith(" M")} == {"params.yaml"}


def test_the_run_has_all_that_its_row_names(extended):
    path = extended.root / f"artifacts/{PROFILE}/plan/runs/phase2/everything-0.json"
    run = json.loads(path.read_text())
    assert run["encoder"]["name"] == "cased_more" and run["tasks"]["sst"]["text"]["lowercase"] is False
    assert run["tasks"]["entailment"]["head"] == {"bilinear": {"bias": False}}
    assert run["schedule"][0]["combine"] == {"normalise": {"power": 0.5}}
    entries = {name.rpartition(".")[0] for name in run["code"]}
    assert {path.removesuffix(".py").replace("/", ".") for path in FILES if path.endswith(".py")} <= entries
    record = json.loads((extended.root / f"artifacts/{PROFILE}/records/phase2/everything-0/record.json").read_text())
    assert [sorted(losses) for losses in record["replay"]["steps"][:3]] == [
        ["para", "sst"],
        ["entailment", "para"],
        ["entailment", "sst"],
    ]


def test_table_2_has_the_task_by_the_metric_and_predictions_are_its_classes(extended):
    with (extended.root / f"results/{PROFILE}/table2.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["task"] == "entailment"]
    scores = {row["row"]: float(row["mean"]) for row in rows if row["metric"] == "within_one"}
    assert scores.keys() == {"with_entailment", "everything"} and all(0 <= score <= 1 for score in scores.values())
    text = (extended.root / f"results/{PROFILE}/table2.md").read_text()
    assert "entailment within one" in text and text.count("Encoder `cased_more`.") == 1
    for row in scores:
        path = extended.root / f"artifacts/{PROFILE}/predictions/phase2/{row}-0/entailment.csv"
        with path.open(newline="") as file:
            assert {float(line["prediction"]) for line in csv.DictReader(file)} <= {0.0, 1.0, 2.0}


def test_the_tests_of_the_folders_hold_for_the_new_files(extended):
    shutil.copytree(REPOSITORY / "tests", extended.root / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", extended.root)
    command = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *CONTRACTS]
    chosen = " or ".join(name.rsplit("/", 1)[1].removesuffix(".py") for name in FILES if name.endswith(".py"))
    done = subprocess.run(
        [*command, "-k", chosen],
        cwd=extended.root,
        env=extended.environment,
        check=False,
        capture_output=True,
        text=True,
    )
    shutil.rmtree(extended.root / "tests")
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_wrong_option_and_another_pooling_than_the_start_stop_everything(extended):
    leg = {"tasks": ["sst", "sts"], "epochs": 1}
    options = {"combine": {"normalise": {"power": 2.0}}}, {"mixing": {"rotate": {"apart": 1}}}
    for changes, messages in (
        (
            {"schedule": [leg | options[0]], "train": options[1]},
            ("option 'power' is 2.0; allowed: float, at least 0 and at most 1", "option 'apart' is unknown"),
        ),
        (
            {"schedule": [leg], "start": "sst_then_sts", "train": {"pooling": "max"}},
            ("iterations.wrong.train.pooling: max, but its start sst_then_sts trains pooler",),
        ),
    ):
        params = extended.params
        params["iterations"]["wrong"] = changes
        params["rows"].append("wrong")
        extended.write(params)
        done = extended.dvc("repro", check=False)
        assert done.returncode != 0
        assert all(message in done.stdout + done.stderr for message in messages)
        assert set(re.findall(r"Running stage '(\w+)@", done.stdout)) <= {"digest", "plan"}
        params["rows"].remove("wrong")
        del params["iterations"]["wrong"]
        extended.write(params)
