"""The house: who may import what, and that dvc.yaml declares every folder of code that a stage imports."""

import ast
import functools
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.config.digests import ENTRY_POINTS
from pipeline.runs.code import Code

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for folder in ("model", "pipeline", "stages") for path in (ROOT / folder).rglob("*.py"))
CODE = Code(ROOT)
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


@functools.cache
def imported_modules(path: Path) -> set[str]:
    """Every module that a file names in an import, wherever it stands; `from a import b` names a and a.b."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            modules |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


def module_file(module: str) -> Path | None:
    path = ROOT / module.replace(".", "/")
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


def closure(path: Path) -> set[Path]:
    """The project's files that importing `path` can execute, itself included."""
    found, waiting = set(), [path]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        waiting += [other for module in imported_modules(file) if (other := module_file(module))]
    return found


def packages(path: Path) -> set[str]:
    """The names of the outside packages that `path` and what it imports import."""
    modules = {module.split(".")[0] for file in closure(path) for module in imported_modules(file)}
    return modules - {"model", "pipeline", "stages"} - set(sys.stdlib_module_names)


def room(path: Path) -> str:
    """What dvc.yaml depends on for a file: model, a folder of pipeline, or the stage's own module."""
    parts = path.relative_to(ROOT).parts
    return {"model": "model", "pipeline": "/".join(parts[:2]), "stages": "/".join(parts)}[parts[0]]


# What a command line adds to a stage's work: params.yaml is in the digests as values, the others say where to write.
COMMAND_LINE = [
    "pipeline.command",
    "pipeline.config.params:load_params",
    "pipeline.files.atomic:write_json",
    "pipeline.runs.layout:start_file",
]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_what_its_code_means_and_not_on_its_bytes(name):
    deps = STAGES[name]["deps"]
    if name == "digest":
        assert {"model", "pipeline", "stages", "requirements.lock"} == set(deps)
        return
    assert not [dep for dep in deps if not dep.startswith("artifacts/${item.profile}/")]
    digests = [dep for dep in deps if "/digests/" in dep]
    assert digests == [f"artifacts/${{item.profile}}/digests/{name}.json"] * (name in ENTRY_POINTS)
    assert name in ENTRY_POINTS or any("/plan/runs/" in dep for dep in deps), "its run file has its digests"


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_a_digest_covers_what_the_stage_executes(name):
    executed = CODE.reach([f"{STAGES[name]['cmd'].split()[2]}:main"]).digests
    covered = CODE.reach([*ENTRY_POINTS[name], *COMMAND_LINE]).digests
    assert {key for key in executed.keys() - covered.keys() if not key.startswith("stages.")} == set()


def test_every_stage_of_a_run_depends_on_its_run_file():
    of_a_run = {name for name, stage in STAGES.items() if "--run " in stage["cmd"]}
    assert of_a_run == {"part1", "eval_part1", "phase1", "eval_phase1", "start", "phase2", "eval_phase2"} | {
        "members", "average", "eval_average",
    }  # fmt: skip
    for name in of_a_run:
        run_file = STAGES[name]["cmd"].split("--run ")[1].split()[0]
        assert run_file in STAGES[name]["deps"]


def test_floors():
    """model <- pipeline <- stages; stages exchange files only."""
    above = {"model": {"pipeline", "stages"}, "pipeline": {"stages"}, "stages": {"stages"}}
    for path in SOURCES:
        floors = {module.split(".")[0] for module in imported_modules(path)}
        assert not above[path.relative_to(ROOT).parts[0]] & floors, path


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("mlflow", {"pipeline/tracking", "pipeline/serving"}),
        ("yaml", {"pipeline/config"}),
        ("pydantic", {"pipeline/config", "pipeline/runs"}),
        ("dvc", {"pipeline/engine"}),
        ("safetensors", {"model", "pipeline/evaluation", "pipeline/training"}),
        ("matplotlib", {"pipeline/reporting"}),
        ("optuna", {"pipeline/sweep"}),
    ],
)
def test_a_package_has_its_rooms(package, allowed):
    importers = {
        room(path) for path in SOURCES if package in {module.split(".")[0] for module in imported_modules(path)}
    }
    assert importers <= allowed


def test_training_and_evaluation_run_without_dvc_mlflow_and_pydantic():
    for name in ("train", "evaluate", "start", "predict", "report", "offline"):
        assert not {"dvc", "mlflow", "pydantic", "yaml"} & packages(module_file(f"stages.{name}")), name
    assert not packages(module_file("pipeline.runs.index"))


def test_reporting_never_imports_torch_and_records_nothing():
    assert "torch" not in packages(module_file("stages.report"))
    assert not packages(module_file("stages.start"))
    for path in (ROOT / "pipeline/runs").glob("e*.py"):
        assert not packages(path), path


def test_only_pretrained_reads_safetensors_in_model():
    importers = {path.name for path in (ROOT / "model").glob("*.py") if "safetensors" in packages(path)}
    assert importers == {"pretrained.py"}


def test_files_say_what_they_are_and_stay_small():
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text)), f"{path}: no docstring"
        assert len(text.splitlines()) <= (40 if room(path).startswith("stages/") else 300), path
        assert "pickle" not in text.replace("allow_pickle=False", "") and "torch.load(" not in text, path
