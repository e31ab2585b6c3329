"""A profile's encoders that are further pre-trained: on the sentences of its training sets, and on nothing else."""

import json
import shutil
from pathlib import Path

from model.registry import split_choice
from pipeline.config.schema import Adapt, Params
from pipeline.config.selection import choose_profile, list_adapted, locate_encoder
from pipeline.data.data_record import record_data_stage
from pipeline.data.token_files import read_tokens
from pipeline.files.atomic import atomic_folder, read_json, write_json
from pipeline.files.digest import hash_bytes, hash_file, hash_folder
from pipeline.runs import layout
from pipeline.runs.code import combine_digests, digest_definitions
from pipeline.runs.skipped import REASON
from pipeline.runs.versions import installed_versions
from pipeline.training.batches import choose

WEIGHTS = "model.safetensors"
ABOUT = "adapted.json"  # beside it: from what and how the encoder was made, and the loss curve


def adapt_encoders(params: Params, profile: str, root: Path = Path(".")) -> None:
    """Write `layout.adapted(profile)`, for each such encoder a folder like download's, and the record with the curves.

    What was trained is kept in .work/adapted under the hash of what decides it: a second encoder trains that one alone.
    """
    names = list_adapted(params, profile)
    if not names:
        for output in (layout.adapted(profile), layout.data_record(profile, "adapt")):
            with atomic_folder(root / output) as folder:
                (folder / REASON).write_text("no row's encoder is further pre-trained\n", encoding="utf-8")
        return
    with atomic_folder(root / layout.adapted(profile)) as folder:
        for name in names:
            shutil.copytree(_find_or_train(params, profile, name, root), folder / name)
    with record_data_stage(profile, "adapt", [hash_folder(root / layout.adapted(profile))], root) as log:
        for name in names:
            place = locate_encoder(params, profile, name)
            about = read_json(root / place / ABOUT)
            log.params({name: {key: value for key, value in about.items() if key != "losses"}})
            for task, folder in _list_tokens(params, profile, name).items():
                used = len(_choose_examples(params, profile, name, task, root))
                title = f"{task}-train-{params.encoders[name].adapted_from}"
                log.dataset(title, hash_folder(root / folder), folder.as_posix(), used, "train")
            log.dataset(name, hash_file(root / place / WEIGHTS), place.as_posix(), 1, "encoder")
            for step, loss in about["losses"]:
                log.metrics({f"loss/{name}": loss}, step)


def entries_of(adapt: Adapt) -> list[str]:
    """The entry points of the code that trains by these options."""
    schedule = split_choice(adapt.learning_rate_schedule)[0]
    return ["pipeline.training.pretraining:pretrain", f"model.schedules.{schedule}:factor"]


def list_sentences(params: Params, profile: str, name: str, root: Path) -> list[list[int]]:
    """The token ids of what an encoder is further pre-trained on: the distinct sentences of its tasks' training sets.

    A training set is what rows may train on (`max_train`, subsets): those that some seed chooses an epoch by are in it,
    without their labels. In the order of the row's tasks; a sentence without a word is left out.
    """
    found: dict[tuple[int, ...], None] = {}
    for task, folder in _list_tokens(params, profile, name).items():
        sentences = read_tokens(root / folder).sentences(_choose_examples(params, profile, name, task, root))
        found |= dict.fromkeys(map(tuple, sentences))
    return [list(sentence) for sentence in found if len(sentence) > 2]  # [CLS] and [SEP]


def _choose_examples(params: Params, profile: str, name: str, task: str, root: Path) -> list[int]:
    """Those of the training set, as `hold_out` begins with them."""
    num_examples = read_tokens(root / _list_tokens(params, profile, name)[task]).num_examples
    return choose(f"train {task}", num_examples, choose_profile(params, profile).max_train.get(task)).tolist()


def _list_tokens(params: Params, profile: str, name: str) -> dict[str, Path]:
    row = params.encoders[name]
    return {task: layout.tokens(profile, row.adapted_from) / task / "train" for task in row.adapt.tasks}


def _find_or_train(params: Params, profile: str, name: str, root: Path) -> Path:
    """The folder in which the encoder is kept."""
    row, limits = params.encoders[name], choose_profile(params, profile).max_train
    source, tokens = root / layout.encoder(profile, row.adapted_from), _list_tokens(params, profile, name)
    decides = {
        "adapt": row.adapt.model_dump(),
        "source": hash_folder(source),
        "tokens": {task: [hash_folder(root / folder), limits.get(task)] for task, folder in tokens.items()},
        "versions": installed_versions(),
        "code": combine_digests(digest_definitions(entries_of(row.adapt), root)),
    }
    kept = root / layout.WORK / "adapted" / hash_bytes(json.dumps(decides, sort_keys=True).encode())
    if not kept.is_dir():
        from pipeline.training.pretraining import pretrain  # torch, which an idle stage need not wait for

        sentences = list_sentences(params, profile, name, root)
        about = {"adapted_from": row.adapted_from, **row.adapt.model_dump(), "num_sentences": len(sentences)}
        with atomic_folder(kept) as folder:
            shutil.copytree(source, folder, ignore=shutil.ignore_patterns(WEIGHTS), dirs_exist_ok=True)
            losses = pretrain(source, folder / WEIGHTS, sentences, row.adapt.model_dump())
            write_json(folder / ABOUT, about | {"losses": losses})
    return kept
