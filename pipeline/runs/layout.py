"""Where every file of a profile lies, relative to the project root; dvc.yaml says the same of outputs."""

from pathlib import Path

WORK = Path(".work")  # checkpoints, live event files, downloads: outside every DVC output, since DVC deletes those

PHASES = ("part1", "phase1", "phase2")


def artifacts(profile: str) -> Path:
    return Path("artifacts") / profile


def results(profile: str) -> Path:
    return Path("results") / profile


def corpus(profile: str) -> Path:
    """The csv files, as the course names them."""
    return artifacts(profile) / "corpus"


def encoders(profile: str) -> Path:
    """The encoders that the profile's runs use, <name>/."""
    return artifacts(profile) / "encoders"


def encoder(profile: str, name: str) -> Path:
    """config.json, model.safetensors, vocab.txt, and what else of an encoder is published and pinned."""
    return encoders(profile) / name


def all_tokens(profile: str) -> Path:
    """The token files of every encoder, <encoder>/<task>/<split>."""
    return artifacts(profile) / "tokens"


def tokens(profile: str, encoder_name: str) -> Path:
    """The token files of an encoder, <task>/<split>."""
    return all_tokens(profile) / encoder_name


def data_report(profile: str) -> Path:
    """data.json and data.md: what tokenize says of the data."""
    return artifacts(profile) / "data"


def digests(profile: str) -> Path:
    """A file for each stage: what it executes and reads."""
    return artifacts(profile) / "digests"


def plan(profile: str) -> Path:
    """index.json, commands.json and the run files."""
    return artifacts(profile) / "plan"


def run_file(profile: str, phase: str, row: str, seed: int) -> Path:
    return plan(profile) / "runs" / phase / f"{row}-{seed}.json"


def start_file(profile: str, row: str, seed: int) -> Path:
    """Which weights a phase-2 run starts from."""
    return artifacts(profile) / "starts" / f"{row}-{seed}.json"


def model(profile: str, phase: str, row: str, seed: int) -> Path:
    """What a training stage leaves: weights.safetensors, model.json, vocab.txt."""
    return artifacts(profile) / phase / f"{row}-{seed}"


def records(profile: str) -> Path:
    return artifacts(profile) / "records"


def training_record(profile: str, phase: str, row: str, seed: int) -> Path:
    """The folder of record.json, history.csv, run.json and, in phase 2, start.json."""
    return records(profile) / phase / f"{row}-{seed}"


def evaluation_record(profile: str, phase: str, row: str, seed: int) -> Path:
    return records(profile) / f"eval_{phase}" / f"{row}-{seed}"


def data_record(profile: str, stage: str) -> Path:
    return records(profile) / "data" / stage


def summary_record(profile: str) -> Path:
    return artifacts(profile) / "summary"


def predictions(profile: str, phase: str, row: str, seed: int) -> Path:
    """Where an evaluation leaves them; `report` copies them to results/<profile>/predictions."""
    return artifacts(profile) / "predictions" / phase / f"{row}-{seed}"


def work(run_key: str) -> Path:
    """A run's checkpoint and live event file."""
    return WORK / run_key
