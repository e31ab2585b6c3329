"""Whatever the bytes of a file, its reader gives a result or a `ValueError` that names it.

`make fuzz N=100000` tries more; BERTY_FUZZ_SEED others.
"""

import gzip
import io
import os
import resource
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.config.params import load_params
from pipeline.data.reading import LabelRange, read_examples
from pipeline.data.token_files import read_tokens
from pipeline.evaluation.saved_model import build_model
from pipeline.evaluation.text_model import TextModel
from pipeline.runs import layout
from pipeline.runs.bring_in import import_archive
from pipeline.runs.events import EventLog
from pipeline.runs.record_files import read_live
from pipeline.runs.record_schema import find_faults
from pipeline.runs.run_files import read_run
from pipeline.runs.run_schema import check_run_file
from pipeline.statistics.predictions import read_predictions
from pipeline.tracking.collect import collect
from pipeline.tracking.tables import make_confusion
from pipeline.tracking.view import compose_live, compose_views
from pipeline.training.checkpoint import Progress, State, load_checkpoint, read_progress, save_checkpoint
from studies.fuzz import Kind, fuzz, render
from tests.tiny import ENCODER, PROFILE

SLOT = (PROFILE, "phase2", "iteration_1", 0)
NUMBER, SEED = int(os.environ.get("BERTY_FUZZ", 300)), int(os.environ.get("BERTY_FUZZ_SEED", 0))


@pytest.fixture
def kinds(trained_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Kind]:
    """The ten kinds of files of a tiny project with one row trained and evaluated."""
    root = tmp_path / "project"
    shutil.copytree(trained_template, root, symlinks=True)
    monkeypatch.chdir(root)
    monkeypatch.setenv("BERTY_DEVICE", "cpu")
    run = read_run(layout.run_file(*SLOT))
    beside, model = layout.training_record(*SLOT), layout.model(*SLOT)
    home = tmp_path / "records" / "project"  # records alone, so that a look at all of them takes a moment
    shutil.copytree(root / layout.records(PROFILE), home / layout.records(PROFILE))
    shutil.copytree(root / layout.predictions(*SLOT), home / layout.predictions(*SLOT))
    shutil.copytree(root / layout.plan(PROFILE), home / layout.plan(PROFILE))
    live = tmp_path / "live" / "project"
    checkpoint, state = layout.work("k") / "checkpoint.safetensors", State(Progress(), build_model(run.spec, 0))
    checkpoint.parent.mkdir(parents=True)
    save_checkpoint(checkpoint, state, b"x")
    tokens = layout.tokens(PROFILE, ENCODER) / "sts" / "dev"
    predictions = layout.predictions(*SLOT) / "sts.csv"
    packed = predictions.with_name("sst.csv.gz")
    packed.write_bytes(gzip.compress(predictions.read_bytes(), mtime=0))
    archive = tmp_path / "offline.tar.gz"
    _write_archive(archive, home)

    def read_record_files(path: Path) -> None:
        indexes, problems = collect(home)
        for index in indexes:
            compose_views(index)
        _refuse(problems)

    def read_events(path: Path) -> None:
        records, problems = read_live(live, (), find_faults)
        for record in records:
            compose_live(record, live, None)
        _refuse(problems)

    def read_checkpoint(path: Path) -> None:
        read_progress(path)
        load_checkpoint(path, state)

    def read_model(path: Path) -> None:
        TextModel(path.parent).predict("sts", [("a b", "c")])

    def read_archive(path: Path) -> None:
        if path != archive:
            _write_archive(archive, home)
        shutil.rmtree(tmp_path / "imported", ignore_errors=True)
        import_archive(archive, tmp_path / "imported")

    def read_prediction_file(path: Path) -> None:
        make_confusion(read_predictions(path))

    corpus = [layout.corpus(PROFILE) / name for name in ("ids-sst-dev.csv",)]
    records = [home / path for path in (beside / "record.json", layout.evaluation_record(*SLOT) / "record.json")]
    readers: list[tuple[str, list[Path], Callable[[Path], object]]] = [
        ("params", [Path("params.yaml")], load_params),
        ("csv", corpus, lambda path: read_examples(path, ["sentence"], "sentiment", LabelRange(0, 4, True))),
        ("run", [run.path, run.start_path], lambda path: check_run_file(read_run(run.path))),
        ("record", [*records, home / layout.plan(PROFILE) / "index.json"], read_record_files),
        ("events", [_write_events(live)], read_events),
        ("predictions", [predictions, packed], read_prediction_file),
        ("weights", [model / "weights.safetensors", model / "model.json", model / "vocab.txt"], read_model),
        ("checkpoint", [checkpoint], read_checkpoint),
        ("tokens", sorted(tokens.iterdir()), lambda path: read_tokens(path.parent)),
        ("archive", [archive, *_list_packed(home)], read_archive),
    ]
    return [Kind(name, [(path, _unpack(path)) for path in paths], read, _pack) for name, paths, read in readers]


def _unpack(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def _pack(path: Path, content: bytes) -> bytes:
    """Or nothing but a check sum would be tried."""
    return gzip.compress(content, 1, mtime=0) if path.suffix == ".gz" else content


def _refuse(problems: list[str]) -> None:
    if problems:
        raise ValueError("\n".join(problems))


def _write_events(root: Path) -> Path:
    path = root / layout.work("k") / "events.jsonl"
    identity = {"kind": "training", "profile": PROFILE, "phase": "phase2", "row": "r", "seed": 0, "run_key": "k"}
    with EventLog.start(path, identity) as log:
        log.params({"train": {"eps": 1e-6, "names": ["a"]}})
        log.tags({"device": "cpu"})
        log.metrics({"loss/sst": 0.5}, 1)
        log.dataset("sst-dev", "d", "s", 5, "dev")
        log.artifact(f"artifacts/{PROFILE}/history.csv")
        log.replay({"steps": [{"sst": 0.5}]})
        log.finish()
    return path


def _list_packed(home: Path) -> list[Path]:
    tree = home / layout.artifacts(PROFILE)
    files = [file for part in ("records", "predictions") for file in sorted((tree / part).rglob("*")) if file.is_file()]
    return [tree / "plan" / "index.json", *files]


def _write_archive(path: Path, home: Path) -> None:
    content, tree = io.BytesIO(), home / layout.artifacts(PROFILE)
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for file in _list_packed(home):
            tar.add(file, file.relative_to(tree).as_posix())
    path.write_bytes(gzip.compress(content.getvalue(), 1, mtime=0))


def test_every_kind_of_file_is_read_or_refused_by_name(kinds: list[Kind], capsys: pytest.CaptureFixture) -> None:
    for kind in kinds:
        kind.read(kind.samples[0][0])  # whole, each is read
    tallies = fuzz(kinds, NUMBER, SEED)
    if "BERTY_FUZZ" in os.environ:
        with capsys.disabled():
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(f"\n{render(tallies)}\nmemory at most {peak} MiB")
    assert {name: dict(tally.findings) for name, tally in tallies.items() if tally.findings} == {}
    if NUMBER >= 300:
        assert all(tally.refused for tally in tallies.values()), render(tallies)


def test_a_reader_that_fails_otherwise_is_found(tmp_path: Path) -> None:
    def read(path: Path) -> None:
        raise KeyError(path.name) if path.read_bytes() == b"{}" else ValueError("it is none")

    tallies = fuzz([Kind("json", [(tmp_path / "file.json", b"{}")], read)], 50)
    assert tallies["json"].findings and not tallies["json"].accepted
    assert any(finding.startswith("no file in: it is none") for finding in tallies["json"].findings)
