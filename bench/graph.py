"""`dvc repro` with nothing to do: the project's graph beside an empty one of as many stages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

from pipeline.files.atomic import write_json
from pipeline.files.digest import hash_file

UP_TO_DATE = "Data and pipelines are up to date."


def measure_no_op(root: Path, work: Path, num_rounds: int) -> dict[str, float | str]:
    """Seconds and their ratio. The graph is the checkout's where it is finished, else a tiny one kept in `work`."""
    is_finished = UP_TO_DATE in _dvc(root, "status")
    full = root if is_finished else build_tiny_graph(root, work / f"graph-{hash_file(root / 'dvc.yaml')[:12]}")
    num_stages = len(_dvc(full, "stage", "list", "--name-only").split())
    empty = build_empty_graph(work / f"empty-{num_stages}", num_stages)
    pairs = []
    for number in range(num_rounds + 1):
        sides = [full, empty] if number % 2 else [empty, full]
        seconds = {side: _time_no_op(side) for side in sides}
        if number > 0:  # the first brings DVC's own records of the files up to date
            pairs.append((seconds[full], seconds[empty]))
    return {
        "repro_noop_ratio": median(above / below for above, below in pairs),
        "repro_noop_s": median(above for above, _ in pairs),
        "repro_empty_s": median(below for _, below in pairs),
        "repro_stages": num_stages,
        "repro_graph": "the checkout's" if is_finished else "the tiny profile's",
    }


def build_empty_graph(folder: Path, num_stages: int) -> Path:
    """A project of stages that copy one small file each; returns the folder once every stage has run."""
    if not _is_built(folder):
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "deps").mkdir(parents=True)
        stages = {}
        for number in range(num_stages):
            (folder / "deps" / str(number)).write_text(f"{number}\n")
            stage = {"cmd": f"cp deps/{number} out_{number}", "deps": [f"deps/{number}"], "outs": [f"out_{number}"]}
            stages[f"stage_{number}"] = stage
        write_json(folder / "dvc.yaml", {"stages": stages})  # JSON is YAML
        _git(folder, "init", "--quiet")
        _dvc(folder, "init", "--quiet")
        _finish(folder)
    return folder


def build_tiny_graph(root: Path, folder: Path) -> Path:
    """A copy of the working tree with the tests' tiny profile; returns the folder once every stage has run."""
    import yaml

    from tests.tiny import write_tiny_params

    if not _is_built(folder):
        shutil.rmtree(folder, ignore_errors=True)
        for name in _git(root, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
            if (root / name).is_file() and not name.startswith(("tests/", "results/", "dvc.lock")):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / name, folder / name)
        params = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
        tiny = write_tiny_params(params, folder / ".work" / "mirror")
        (folder / "params.yaml").write_text(yaml.safe_dump(tiny, sort_keys=False), encoding="utf-8")
        _git(folder, "init", "--quiet")
        _finish(folder)
    return folder


def _is_built(folder: Path) -> bool:
    return (folder / ".git" / "built").exists()


def _finish(folder: Path) -> None:
    _git(folder, "add", ".")
    _git(folder, "-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "--quiet", "--message", "bench")
    _dvc(folder, "repro")
    (folder / ".git" / "built").touch()  # git and DVC look at nothing there


def _time_no_op(folder: Path) -> float:
    start = perf_counter()
    output = _dvc(folder, "repro")
    seconds = perf_counter() - start
    if UP_TO_DATE not in output:
        raise RuntimeError(f"{folder}: dvc repro had something to do: {output.strip()[-300:]}")
    return seconds


def _dvc(folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"  # stages call `python`
    environment["BERTY_MIRROR"] = str(folder / ".work" / "mirror")
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{folder}: dvc {' '.join(arguments)} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout
