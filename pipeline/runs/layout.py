"""Where every file of a profile lies and what its stages are called; dvc.yaml says the same, and a test compares.

Files of a profile lie in two trees alike: below `artifacts(profile)` what this machine made, below `imported(profile)`
what came from another. A function with a `tree` takes either. Paths are relative to the project's root.
"""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

WORK = Path(".work")  # checkpoints, live event files, downloads: outside every DVC output, since DVC deletes those

PHASES = ("part1", "phase1", "phase2")  # also the lists of rows in plan's index
AVERAGE = "average"  # where the rows of table 2 lie that average others: DVC wants them apart from what they depend on
DATA_STAGES = ("download", "tokenize", "adapt")

START_STAGES = {"phase2": "start", AVERAGE: "members"}  # which write the start file of a run

Tree = Callable[[str], Path]


def table(phase: str) -> str:
    """The list of plan's index, and so the table, that has the rows of a phase: averages are rows of table 2."""
    return "phase2" if phase == AVERAGE else phase


def artifacts(profile: str) -> Path:
    """The tree of what this machine makes: DVC's outputs."""
    return Path("artifacts") / profile


def imported(profile: str) -> Path:
    """The tree of runs that were trained elsewhere, in git: no output of DVC, which deletes those."""
    return results(profile) / "imported"


TREES: tuple[Tree, ...] = (artifacts, imported)  # what was made here goes before what was not


def results(profile: str) -> Path:
    """What report publishes: tables, figures, predictions/, data.json, data.md."""
    return Path("results") / profile


def corpus(profile: str) -> Path:
    """The csv files, as the course names them."""
    return artifacts(profile) / "corpus"


def encoders(profile: str) -> Path:
    """The published encoders that the profile's runs use, <name>/."""
    return artifacts(profile) / "encoders"


def encoder(profile: str, name: str) -> Path:
    """config.json, model.safetensors, vocab.txt, and what else of an encoder is published and pinned."""
    return encoders(profile) / name


def adapted(profile: str) -> Path:
    """The encoders that are further pre-trained here, <name>/ with the same files and adapted.json."""
    return artifacts(profile) / "adapted"


def all_tokens(profile: str) -> Path:
    """The token files of every encoder, <encoder>/<task>/<split>."""
    return artifacts(profile) / "tokens"


def tokens(profile: str, encoder_name: str) -> Path:
    """The token files of an encoder, <task>/<split>."""
    return all_tokens(profile) / encoder_name


def data_report(profile: str, tree: Tree = artifacts) -> Path:
    """The folder of data.json and data.md, which tokenize leaves."""
    return tree(profile) / "data"


def digests(profile: str) -> Path:
    """A file for each stage: what it executes and reads."""
    return artifacts(profile) / "digests"


def plan(profile: str, tree: Tree = artifacts) -> Path:
    """index.json and, here, commands.json and the run files."""
    return tree(profile) / "plan"


def run_file(profile: str, phase: str, row: str, seed: int) -> Path:
    return plan(profile) / "runs" / phase / f"{row}-{seed}.json"


def start_file(profile: str, row: str, seed: int) -> Path:
    """Which weights a phase-2 run starts from, or an average is made of."""
    return artifacts(profile) / "starts" / f"{row}-{seed}.json"


def model(profile: str, phase: str, row: str, seed: int, tree: Tree = artifacts) -> Path:
    """What a training stage leaves: weights.safetensors, model.json, vocab.txt."""
    return tree(profile) / phase / f"{row}-{seed}"


def records(profile: str, tree: Tree = artifacts) -> Path:
    return tree(profile) / "records"


def training_record(profile: str, phase: str, row: str, seed: int, tree: Tree = artifacts) -> Path:
    """The folder of record.json, history.csv, run.json and, where there is a start file, start.json."""
    return records(profile, tree) / phase / f"{row}-{seed}"


def evaluation_record(profile: str, phase: str, row: str, seed: int, tree: Tree = artifacts) -> Path:
    return records(profile, tree) / f"eval_{phase}" / f"{row}-{seed}"


def data_record(profile: str, stage: str, tree: Tree = artifacts) -> Path:
    return records(profile, tree) / "data" / stage


def summary_record(profile: str, tree: Tree = artifacts) -> Path:
    return tree(profile) / "summary"


def predictions(profile: str, phase: str, row: str, seed: int, tree: Tree = artifacts) -> Path:
    """The folder of <task>.csv or <task>.csv.gz, which evaluation leaves."""
    return tree(profile) / "predictions" / phase / f"{row}-{seed}"


def record_file(kind: str, profile: str, phase: str, row: str, seed: int | None, tree: Tree = artifacts) -> Path:
    """Where the record of a training, an evaluation, data or a summary lies; kind and the rest are its own fields."""
    match kind:
        case "training":
            folder = training_record(profile, phase, row, seed, tree)
        case "evaluation":
            folder = evaluation_record(profile, phase, row, seed, tree)
        case "data":
            folder = data_record(profile, row, tree)
        case _:
            folder = summary_record(profile, tree)
    return folder / "record.json"


def artifact(name: str, profile: str, tree: Tree = artifacts) -> Path:
    """The file that a record names `artifacts/<profile>/...`, in the tree where the record lies.

    A name that is not below it, or leaves it by `..`, is a `ValueError`.
    """
    inner = PurePosixPath(name)
    if not inner.is_relative_to(artifacts(profile).as_posix()) or ".." in inner.parts:
        raise ValueError(f"artifact {name}: allowed: a path below {artifacts(profile)}/")
    return tree(profile) / inner.relative_to(artifacts(profile).as_posix())


def sweeps(profile: str) -> Path:
    """A folder for each sweep: sweep.json, study.db, and a folder for each of its trials; no stage's output."""
    return artifacts(profile) / "sweeps"


def work(run_key: str) -> Path:
    """A run's checkpoint and live event file."""
    return WORK / run_key


def stage_name(
    kind: str, profile: str, phase: str = "", row: str = "", seed: int | None = None, task: str | None = None
) -> str:
    """The stage that leaves a record of this kind (training, evaluation, data, summary), or a start file ("start").

    In part1 a row is `<task>_<mode>`, whose stage has both; `task` is needed there.
    """
    match kind:
        case "data":
            return f"{row}@{profile}"
        case "summary":
            return f"report@{profile}"
    if phase == "part1":
        row = f"{task}-{row.removeprefix(f'{task}_')}"
    stage = {"training": phase, "evaluation": f"eval_{phase}", "start": START_STAGES.get(phase)}[kind]
    return f"{stage}@{profile}-{row}-{seed}"
