"""What is known of a model's making: facts in order, those that are hashes compared with what is there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.files.atomic import read_json
from pipeline.files.digest import hash_file, hash_folder
from pipeline.gate.lineage_code import check_code, name_code
from pipeline.runs import layout
from pipeline.runs.index import IndexedRun, read_index
from pipeline.runs.record import read_record
from pipeline.runs.record_files import hash_run_files, list_profiles

MACHINE = ("cpu", "num_cores", "platform")
VERSIONS = ("python", "torch", "numpy", "tokenizers", "safetensors")


@dataclass(frozen=True)
class Fact:
    """`holds` says whether a hash is that of what is there; None where nothing is there to compare, or no hash."""

    name: str
    value: str
    holds: bool | None = None
    why: str = ""
    depth: int = 0


def trace(folder: Path, root: Path, depth: int = 0) -> Iterator[Fact]:
    """The facts behind the model in `folder`, those behind the models that it started from or averages, and the corpus.

    A folder that is no model, or whose run has no record below `root`, is a `ValueError`.
    """
    found = _find_run(read_json(root / folder / "model.json").get("run_key", ""), root)
    for fact in _trace_model(folder, found, root):
        yield replace(fact, depth=depth)
    for _, trained in _list_trained(_read_start(found.record_folder)):
        if (root / trained["weights"]).with_name("model.json").is_file():
            yield from trace(Path(trained["weights"]).parent, root, depth + 1)
    if not depth:
        yield from _trace_corpus(found.profile, root)


def _trace_model(folder: Path, found: IndexedRun, root: Path) -> Iterator[Fact]:
    record, beside = found.training, found.record_folder
    run, start = read_json(beside / "run.json"), _read_start(beside)
    place = (run["profile"], run["phase"], run["row"], run["seed"])
    yield Fact("model", folder.as_posix())
    yield _check("weights", root / folder / "weights.safetensors", record["tags"]["weights_sha256"])
    yield Fact("record", (beside / "record.json").relative_to(root).as_posix())
    key, hashed = record["run_key"], hash_run_files(beside)
    names = "run.json and start.json" if start else "run.json"
    why = f"of {names} beside the record" if hashed == key else f"{names}: {hashed}"
    yield Fact("run key", key, hashed == key, why)
    yield _compare_plan(root / layout.run_file(*place), beside / "run.json")
    if start:
        yield from _trace_start(start, run, root)
    encoder = root / run["encoder"]["folder"]
    yield _check(f"encoder {run['encoder']['name']}", encoder / "model.safetensors", run["encoder"]["sha256"])
    yield _check("its config", encoder / "config.json", run["encoder"]["config_sha256"])
    for name, task in run["tasks"].items():
        for split, digest in task["digests"].items():
            yield _check(f"data {name}-{split}", root / task["tokens"][split], digest, hash_folder)
    ran_in = record["environment"]
    commit, dirty = ran_in.get("git_commit", "unknown"), ran_in.get("git_dirty", "unknown")
    holds, why = check_code(run, commit, dirty, root)
    yield Fact("training code", name_code(run["code"]), holds, why)
    yield Fact("commit", commit, None, "with changes that were not committed" if dirty == "true" else "")
    yield Fact("versions", ", ".join(f"{name} {ran_in[name]}" for name in VERSIONS if name in ran_in))
    yield Fact("machine", ", ".join([*(ran_in[name] for name in MACHINE if name in ran_in), record["tags"]["device"]]))
    yield Fact("command", ran_in.get("command", "unknown"))


def _trace_start(start: dict[str, Any], run: dict[str, Any], root: Path) -> Iterator[Fact]:
    if start["kind"] == "encoder":
        same = start["sha256"] == run["encoder"]["sha256"]
        yield Fact("start: the encoder", start["sha256"], same, "" if same else "not the run file's")
    for name, trained in _list_trained(start):
        yield _check(name, root / trained["weights"], trained["sha256"])


def _list_trained(start: dict[str, Any] | None) -> list[tuple[str, dict[str, Any]]]:
    """The trained weights that a start file names, each with what they are to the run."""
    match start:
        case {"kind": "phase1", "recipe": recipe}:
            return [(f"start: recipe {recipe}", start)]
        case {"kind": "average", "members": members}:
            return [(f"average of {member['row']}-{member['seed']}", member) for member in members]
    return []


def _trace_corpus(profile: str, root: Path) -> Iterator[Fact]:
    """The files that the token files were made of, as the download stage recorded them."""
    path = root / layout.data_record(profile, "download") / "record.json"
    if not path.is_file():
        yield Fact("corpus", "", None, f"{path.relative_to(root)} is not here")
        return
    for data in read_record(path)["datasets"]:
        if data["context"] == "raw":
            file = root / layout.corpus(profile) / data["name"]
            fact = _check(data["name"], file, data["digest"])
            yield replace(fact, why=fact.why or data["source"])


def _find_run(key: str, root: Path) -> IndexedRun:
    for run in (run for profile in list_profiles(root) for run in read_index(root, profile).runs):
        if run.training and run.run_key == key:
            return run
    raise ValueError(f"run {key or '(none named)'}: no record of it below {root}; `dvc pull` may bring it")


def _read_start(folder: Path) -> dict[str, Any] | None:
    path = folder / "start.json"
    return read_json(path) if path.is_file() else None


def _check(name: str, path: Path, expected: str, hash_content: Callable[[Path], str] = hash_file) -> Fact:
    if not path.exists():
        return Fact(name, expected, None, f"{path} is not here")
    found = hash_content(path)
    return Fact(name, expected, found == expected, "" if found == expected else f"{path} is {found}")


def _compare_plan(planned: Path, run_file: Path) -> Fact:
    if not planned.is_file():
        return Fact("plan", "", None, f"{planned} is not here")
    if planned.read_bytes() == run_file.read_bytes():
        return Fact("plan", "asks for this very run")
    return Fact("plan", "asks for another run by now", None, f"{planned} differs: `dvc repro` would train again")
