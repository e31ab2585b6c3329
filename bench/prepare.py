"""The inputs of a measurement, made by the project's own reading, cleaning and tokenising.

`python -m bench.prepare FOLDER --encoder bert_base --random` makes a folder for a machine that cannot.
"""

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bench.inputs import ENCODER, SPEC, TASKS, TOKENS
from pipeline.config.params import load_params
from pipeline.config.schema import Params, Task
from pipeline.config.selection import choose_profile
from pipeline.data.assemble import SAMPLE_SEED, fetch_asset, fetch_one_of, list_choices
from pipeline.data.encode_text import read_split
from pipeline.data.encoders import make_encoder_config
from pipeline.data.reading import Examples
from pipeline.data.sample import write_sample_corpus
from pipeline.data.token_files import make_token_set, write_tokens
from pipeline.data.tokenizing import TokenizedSentences, Tokenizer
from pipeline.files.atomic import atomic_folder, write_json
from pipeline.files.digest import derive_seed, hash_folder

NUM_EXAMPLES = 512  # of each task, drawn at random from its training file

COURSE, SAMPLE = "course_small", "sample"  # profiles, for the names of their files and how they are cut


def prepare(
    folder: Path, root: Path, encoder: str = "minilm", weights: bool = True, profile: str | None = None
) -> Path:
    """Write a folder that `read_inputs` opens, and return it: tokens, the encoder of that name, a run file.

    Unless `profile` says whose data: the course's where BERTY_MIRROR names a folder, else the project's own. With
    `weights` false the encoder has its published shape and, once they are drawn, random weights.
    """
    params = load_params(root / "params.yaml")
    profile = profile or (COURSE if os.environ.get("BERTY_MIRROR") else SAMPLE)
    corpus = read_corpus(params, profile, root)
    with atomic_folder(folder) as temporary:
        (temporary / ENCODER).mkdir()
        for name in ("vocab.txt", "model.safetensors") if weights else ("vocab.txt",):
            fetch_asset(params, f"{encoder}/{name}", temporary / ENCODER / name, root)
        write_json(temporary / ENCODER / "config.json", make_encoder_config(params.encoders[encoder]))
        tasks = {}
        for name, tokenized in tokenize_corpus(corpus, params, profile, temporary / ENCODER / "vocab.txt").items():
            row, examples = params.tasks[name], corpus[name]
            token_set = make_token_set(tokenized.ids, examples.labels, examples.ids, len(row.sentences))
            write_tokens(temporary / TOKENS / name, token_set)
            tasks[name] = _describe_task(row, TOKENS / name, hash_folder(temporary / TOKENS / name))
        spec = {
            "profile": profile,
            "phase": "phase2",
            "row": "bench",
            "seed": 0,
            "encoder": {"name": encoder, "folder": str(ENCODER), "weights": "published" if weights else "random"},
            "tasks": tasks,
            "train": params.train.model_dump(),
            "curve_examples": 1,
        }
        write_json(temporary / SPEC, spec)
    return folder


def read_corpus(params: Params, profile: str, root: Path) -> dict[str, Examples]:
    """`NUM_EXAMPLES` (or all) of the training file of each task."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "corpus"
        if choose_profile(params, profile).data.corpus == "sample":
            write_sample_corpus(folder, {task: {"train": NUM_EXAMPLES} for task in TASKS}, SAMPLE_SEED)
        else:
            for task in TASKS:
                fetch_one_of(params, list_choices(params, profile)[task, "train"], folder, root)
        return {task: _draw(task, read_split(params, profile, task, "train", folder, root)) for task in TASKS}


def tokenize_corpus(
    corpus: dict[str, Examples], params: Params, profile: str, vocab_path: Path
) -> dict[str, TokenizedSentences]:
    """The sentences of each task as token ids."""
    tokenizer = Tokenizer(vocab_path, choose_profile(params, profile).data.max_length)
    return {
        task: tokenizer.tokenize(examples.flat_sentences, params.tasks[task].cleaning)
        for task, examples in corpus.items()
    }


def _draw(task: str, examples: Examples) -> Examples:
    generator = np.random.Generator(np.random.PCG64(derive_seed("bench", task)))
    chosen = generator.permutation(len(examples))[:NUM_EXAMPLES].tolist()
    columns = (examples.ids, examples.sentences, examples.labels)
    return Examples(*([column[place] for place in chosen] for column in columns))


def _describe_task(row: Task, folder: Path, digest: str) -> dict[str, Any]:
    splits = ("train", "dev")  # there are no others here
    return {
        "head": row.head,
        "num_classes": row.num_classes,
        "label_range": row.label_range,
        "metric": row.metric,
        "text": {"sentences": row.sentences},
        "tokens": dict.fromkeys(splits, folder.as_posix()),
        "digests": dict.fromkeys(splits, digest),
        "max_train": None,
    }


def main() -> None:
    """Write the folder that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench.prepare", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", default="minilm", help="of params.yaml")
    parser.add_argument("--random", action="store_true", help="the encoder's shape, with random weights")
    arguments = parser.parse_args()
    prepare(arguments.folder, Path.cwd(), arguments.encoder, weights=not arguments.random)


if __name__ == "__main__":
    main()
