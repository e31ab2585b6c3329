"""A profile's inputs, brought together: csv files and encoders from pinned assets, csv files from the generator."""

import csv
import os
import shutil
from pathlib import Path

from model.pretrained import keep_first_layers
from pipeline.config.schema import Params, Profile
from pipeline.config.selection import choose_profile, list_published
from pipeline.data.data_record import record_data_stage
from pipeline.data.encoders import PUBLISHED_FILES, make_encoder_config, read_encoder
from pipeline.data.fetch import Asset, fetch, fetch_any, put
from pipeline.data.sample import write_sample_corpus
from pipeline.files.atomic import atomic_folder, atomic_path, read_json, write_json
from pipeline.files.digest import hash_file, hash_folder
from pipeline.runs import layout

SAMPLE_SEED = 11711  # the course's
SPLITS = ("train", "dev")


def assemble(params: Params, profile: str, root: Path = Path(".")) -> None:
    """Write `layout.corpus`, `layout.encoders` and the record of the download. Only what runs use is fetched."""
    row = choose_profile(params, profile)
    corpus, encoders, names = layout.corpus(profile), layout.encoders(profile), list_published(params, profile)
    written, fetched = list_written_tasks(row), []
    with atomic_folder(root / corpus) as folder:
        if written:
            write_sample_corpus(folder, {task: row.data.sizes[task].model_dump() for task in written}, SAMPLE_SEED)
        for choices in list_choices(params, profile).values():
            if find_file(folder, choices) is None:  # two tasks may read one file
                fetched.append(fetch_one_of(params, choices, folder, root))
    with atomic_folder(root / encoders) as folder:
        for name in names:
            _bring_encoder(params, name, folder / name, root)
    shutil.rmtree(root / layout.WORK / "assets" / "wheels", ignore_errors=True)  # what was wanted of them is stored
    hashes = [hash_folder(root / corpus), hash_folder(root / encoders)]
    with record_data_stage(profile, "download", hashes, root) as log:
        log.params({"corpus": row.data.corpus, "encoder": row.encoder})
        for path in sorted((root / corpus).rglob("*.csv")):
            file = path.relative_to(root / corpus).as_posix()
            sources = ", ".join(params.assets[file].sources) or "a mirror folder" if file in fetched else None
            log.dataset(file, hash_file(path), sources or "written by this project", _count_rows(path), "raw")
        for name in names:
            folder = layout.encoder(profile, name)
            log.dataset(name, hash_file(root / folder / "model.safetensors"), folder.as_posix(), 1, "encoder")


def list_written_tasks(row: Profile) -> list[str]:
    """The tasks of a profile whose files the sample generator writes; those of the others are assets."""
    return list(row.data.sizes) if row.data.corpus == "sample" else []


def _bring_encoder(params: Params, name: str, folder: Path, root: Path) -> None:
    """Fetch an encoder's files; an encoder without a published config.json gets one of its row.

    Of another encoder's first layers, the weights and config.json are those of a model that has no others.
    """
    row = params.encoders[name]
    source, weights, config = row.first_layers_of or name, folder / "model.safetensors", folder / "config.json"
    published = [file for file in PUBLISHED_FILES if f"{source}/{file}" in params.assets]
    for file in ("model.safetensors", "vocab.txt", *published):
        fetch_asset(params, f"{source}/{file}", folder / file, root)
    if "config.json" not in published:
        write_json(config, make_encoder_config(row))
    if row.first_layers_of:
        with atomic_path(weights) as temporary:  # the fetched file may be the store's own
            keep_first_layers(weights, temporary, row.num_layers)
        write_json(config, read_json(config) | {"num_hidden_layers": row.num_layers})
    read_encoder(name, row, folder)


def _count_rows(path: Path) -> int:
    """Rows below the header; a quoted line break counts once, an empty line not at all."""
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for row in csv.reader(file, delimiter="\t") if row) - 1


def corpus_files(params: Params, profile: str, splits: tuple[str, ...]) -> dict[tuple[str, str], str]:
    """(task, split) -> the name of the task's csv file."""
    row = choose_profile(params, profile)
    return {(task, split): getattr(params.tasks[task].files, split) for task in row.tasks for split in splits}


def list_choices(params: Params, profile: str) -> dict[tuple[str, str], list[str]]:
    """(task, split) -> the files of which the profile's corpus holds one: a subset's may come from several."""
    subsets = choose_profile(params, profile).data.subsets
    choices = {key: [file] for key, file in corpus_files(params, profile, SPLITS).items()}
    return choices | {(task, "train"): subset.files for task, subset in subsets.items()}


def find_file(folder: Path, choices: list[str]) -> Path | None:
    """The first of the files that is in the folder."""
    return next((folder / name for name in choices if (folder / name).exists()), None)


def fetch_one_of(params: Params, choices: list[str], folder: Path, root: Path) -> str:
    """Bring the first of several assets that can be had into a folder, and return its name."""
    name, stored = fetch_any([_make_asset(params, name) for name in choices], *_find_places(root), root)
    put(stored, folder / name)
    return name


def fetch_asset(params: Params, name: str, destination: Path, root: Path) -> None:
    """Bring a pinned asset to `destination`, through the store of verified files in `.work/assets`."""
    put(fetch(_make_asset(params, name), *_find_places(root), root), destination)


def _make_asset(params: Params, name: str) -> Asset:
    row = params.assets[name]
    # A source that ends in a slash is a folder: it has the asset under its name, without that name's first folder.
    file = name.partition("/")[2] or name
    sources = tuple(source + file if source.endswith("/") else source for source in row.sources)
    return Asset(name, sources, row.sha256, row.git_blob, row.size)


def _find_places(root: Path) -> tuple[Path, Path | None]:
    """The store, and the mirror folder if there is one."""
    mirror = os.environ.get("BERTY_MIRROR")
    return root / layout.WORK / "assets", Path(mirror) if mirror else None
