"""Files that changed since they were written: no number comes out, the file is named, and what makes it again."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.evaluation.intact import check_model, check_run
from pipeline.files.atomic import read_json, write_json
from pipeline.runs import layout
from stages import evaluate, predict
from tests.tiny import ENCODER, PROFILE, call_stage

MODEL = layout.model(PROFILE, "phase2", "iteration_1", 0)
STAGE = "phase2@tiny-iteration_1-0"
DEV = layout.tokens(PROFILE, ENCODER) / "sts/dev"
VOCABULARIES = (MODEL / "vocab.txt", layout.encoder(PROFILE, ENCODER) / "vocab.txt")


def flip_bit(path: Path) -> None:
    """The lowest bit of the last byte, which belongs to the last number in the file."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.unlink()  # and not through a link into a cache
    path.write_bytes(content)


def swap_lines(*paths: Path) -> None:
    for path in paths:
        *lines, first, second = path.read_text().splitlines()
        path.write_text("\n".join([*lines, second, first]) + "\n")


def change_pooling() -> None:
    description = read_json(MODEL / "model.json")
    description["train"]["pooling"] = "cls" if description["train"]["pooling"] == "mean" else "mean"
    write_json(MODEL / "model.json", description)


FAULTS: dict[str, tuple[Callable[[], None], Path, str]] = {
    "weights": (lambda: flip_bit(MODEL / "weights.safetensors"), MODEL / "weights.safetensors", STAGE),
    "labels": (lambda: flip_bit(DEV / "labels.npy"), DEV, "tokenize@tiny"),
    "tokens": (lambda: flip_bit(DEV / "tokens.npy"), DEV, "tokenize@tiny"),
    "pooling": (change_pooling, MODEL / "model.json", STAGE),
    "vocabulary": (lambda: swap_lines(MODEL / "vocab.txt"), MODEL / "vocab.txt", STAGE),
    "both vocabularies": (lambda: swap_lines(*VOCABULARIES), VOCABULARIES[1], "download@tiny"),
}  # fmt: skip


def call_evaluate(run) -> None:
    call_stage(evaluate, "--run", run.path)


def call_predict(run) -> None:
    call_stage(predict, "--weights", MODEL, "--task", "sst", "--text", "A rare , warm film .")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", [call_evaluate, call_predict])
def test_what_changed_gives_no_number(tiny, model, fault, call, capsys):
    change, path, stage = FAULTS[fault]
    change()
    if call is call_predict and path == DEV:
        return  # it reads none of them
    with pytest.raises(
        ValueError, match=f"^{path}: damaged or changed: .*`rm -rf {path}; dvc repro {stage}` makes it again"
    ):
        call(model)
    assert capsys.readouterr().out == "" and not layout.predictions(*model.place).exists()


def test_where_dvc_s_cache_is_the_same_file_it_has_to_go_too(tiny, model):
    cached = Path(".dvc/cache/files/md5/ab/cdef")
    cached.parent.mkdir(parents=True)
    flip_bit(MODEL / "weights.safetensors")
    os.link(MODEL / "weights.safetensors", cached)
    with pytest.raises(ValueError, match=f"`rm -rf {MODEL}/weights.safetensors {cached}; dvc repro"):
        check_model(MODEL)


def test_what_is_as_it_was_is_used(tiny, model, capsys):
    call_evaluate(model)
    call_predict(model)
    captured = capsys.readouterr()
    assert "overall" in captured.out and "prediction:" in captured.out and captured.err == ""


def test_a_model_without_its_record_is_used_and_says_so(tiny, model, capsys):
    shutil.rmtree(layout.training_record(*model.place))
    check_run(model)
    call_predict(model)
    captured = capsys.readouterr()
    assert "prediction:" in captured.out and "its files are not checked" in captured.err
    assert check_model(MODEL) is False


def test_the_run_file_beside_the_record_is_checked_too(tiny, model):
    path = layout.training_record(*model.place) / "run.json"
    description, changed = read_json(path), read_json(MODEL / "model.json")
    description["train"]["pooling"] = changed["train"]["pooling"] = "cls"
    os.replace(MODEL / "model.json", MODEL / "before.json")
    write_json(path, description)
    write_json(MODEL / "model.json", changed)
    with pytest.raises(ValueError, match=f"{path}: damaged or changed: its key is "):
        check_model(MODEL)
