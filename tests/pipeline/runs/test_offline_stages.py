"""The two commands: on a real tiny project in an environment without DVC, MLflow and pydantic, and their exit codes."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pipeline.reporting.report import REPORT_FILES
from pipeline.runs.index import read_index
from tests.pipeline.runs.synthetic import FAULTS
from tests.tiny import REPOSITORY, TinyProject, leave_out_panels

PACKAGES = "torch numpy pandas scipy matplotlib tokenizers safetensors tqdm pyyaml".split()
ABSENT = ("dvc", "mlflow", "pydantic")
Pack = Callable[..., Path]


def run_module(python: str | Path, module: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess:
    environment = {"PYTHONPATH": str(REPOSITORY)} | variables
    command = [python, "-m", module, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


def list_names(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        return tar.getnames()


@pytest.fixture
def dead_server(monkeypatch: pytest.MonkeyPatch) -> str:
    """A tracking store that is out of reach, which every stage is told to use."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return uri


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """The interpreter of a virtual environment that holds `PACKAGES` and what they require, as links, and no more."""
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    for name in list_required(PACKAGES):
        distribution = metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(distribution.locate_file(top))
    return environment / "bin" / "python"


def list_required(names: list[str]) -> set[str]:
    """The distributions that these need, themselves included."""
    found, waiting = set(), list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        found.add(name)
        for line in metadata.requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


def test_a_tiny_project_from_a_bare_machine_to_the_tables_at_home(
    tiny: TinyProject, bare_python: Path, warm: Path, dead_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"start": "sst_then_sts", "schedule": [{"tasks": ["sst", "para", "sts"], "epochs": 1, "combine": "pcgrad"}]}
    tiny.change(
        part1__tasks={"sst": {}},
        part1__modes={"pretrain": {"encoder": "frozen"}},
        iterations={"iteration_3": row},
        rows=["iteration_3"],
    )
    tiny.plan()
    machine = tiny.root.parent / "machine"
    for folder in ("model", "pipeline", "stages"):
        shutil.copytree(REPOSITORY / folder, machine / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("data", "plan", "tokens", "encoders", "records"):
        shutil.copytree(tiny.root / "artifacts/tiny" / folder, machine / "artifacts/tiny" / folder)
    monkeypatch.chdir(machine)
    nothing = {"PYTHONPATH": "", "OMP_NUM_THREADS": "1", "BERTY_THREADS": "1"}
    leave_out_panels(machine)
    look = f"from importlib.util import find_spec; print([name for name in {(*ABSENT, 'torch')} if find_spec(name)])"
    seen = subprocess.run([bare_python, "-c", look], capture_output=True, text=True, env=os.environ | nothing)
    assert seen.stdout == "['torch']\n"

    done = run_module(bare_python, "stages.offline", "--profile", "tiny", **nothing)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("offline-tiny.tar.gz: 8 of 8 commands are done\n")
    archive = machine / "offline-tiny.tar.gz"
    assert not [name for name in list_names(archive) if "weights" in name]
    first = archive.read_bytes()
    again = run_module(bare_python, "stages.offline", "--profile", "tiny", **nothing)
    assert again.stdout.splitlines()[:-1] == ["[5/8] start@tiny-iteration_3-0", "[8/8] report@tiny"]
    assert archive.read_bytes() == first

    monkeypatch.chdir(tiny.root)
    shutil.rmtree(tiny.root / "artifacts")
    brought = run_module(warm / "python", "stages.import_results", archive)
    assert brought.returncode == 0, brought.stderr
    results = Path("results/tiny")
    assert {path.name for path in results.iterdir() if path.is_file()} == {*REPORT_FILES, "data.json", "data.md"}
    assert set(json.loads((results / "metrics.json").read_text())) == {"sst_pretrain", "iteration_3"}
    index = read_index(tiny.root, "tiny")
    assert (index.problems, [run.state for run in index.planned]) == ((), ["finished"] * 3)
    assert {record["tags"]["imported"] for record in index.records} == {"true"}
    receipt = json.loads(Path(".work/imported-tiny.json").read_text())
    assert (receipt["projected"], receipt["num_records"]) == (False, 9)
    assert dead_server in brought.stderr


def test_a_failure_is_named_and_what_is_done_is_packed(project: Path) -> None:
    shutil.copyfile(REPOSITORY / "stages/offline.py", "stages/offline.py")
    FAULTS.write_text('{"train phase2/iteration_3-0": "fail"}')
    done = run_module(sys.executable, "stages.offline", "--profile", "tiny", "--archive", "out/part.tar.gz")
    assert done.returncode == 1
    assert done.stderr == "offline: phase2@tiny-iteration_3-0 failed with exit code 3\n"
    assert done.stdout.endswith("out/part.tar.gz: 5 of 8 commands are done\n")
    names = list_names(Path("out/part.tar.gz"))
    assert "records/eval_phase1/sst_then_sts-0/record.json" in names
    assert not [name for name in names if "phase2/iteration_3-0/" in name or "summary" in name]


def test_import_writes_the_tables_when_every_run_is_there(
    pack: Pack, home: Path, warm: Path, dead_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = pack()
    monkeypatch.chdir(home)
    done = run_module(warm / "python", "stages.import_results", archive)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in Path("results/tiny").iterdir() if path.is_file()} == set(REPORT_FILES)
    assert "iteration_3,sst,accuracy,0.5" in Path("results/tiny/table2.csv").read_text()
    index = read_index(home, "tiny")
    assert index.summary["tags"]["imported"] == "true"
    assert (Path("results/tiny/predictions/phase2/iteration_3-0/sts.csv")).is_file()
