"""A run in miniature: trained, stopped, resumed and evaluated on a few examples, to see which functions that executes.

It takes the run's own choices, so every function that the run depends on is to be executed; what is not cannot be
vouched for.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from model.registry import split_choice
from pipeline.data.token_files import TokenSet, make_token_set, read_tokens, write_tokens
from pipeline.evaluation.evaluate import evaluate
from pipeline.files.atomic import write_json
from pipeline.files.digest import hash_folder
from pipeline.runs import layout
from pipeline.runs.run_files import Run, read_run
from pipeline.training.begin import begin, train
from pipeline.training.loop import EnoughSteps

NUM_EXAMPLES = 12  # of each task and split
BATCH_SIZE = 4
NUM_STEPS = 6  # of an epoch, where a mixing was told how many


def rehearse(run: Run, root: Path) -> set[str]:
    """The functions of the project that a miniature of `run` executes, as `module.function` or `module.Class.method`.

    It starts from what the run started from, where that is there, else from the published encoder.
    """
    executed: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        small = _write_miniature(run, Path(root).resolve(), Path(folder))
        with _record_calls(Path(root).resolve(), executed):
            stopped = begin(small, Path(folder), max_steps=2)
            stopped.checkpoint_seconds = 0
            with suppress(EnoughSteps):
                stopped.run_all()
            train(small, Path(folder))  # which resumes there
            evaluate(small, Path(folder))
    return executed


def _write_miniature(run: Run, root: Path, folder: Path) -> Run:
    """The run's files below `folder` with few examples and one epoch a leg; encoder and start are links."""
    spec = dict(run.spec)
    spec["schedule"] = [leg | {"epochs": 1} for leg in spec["schedule"]]
    name, options = split_choice(spec["train"]["mixing"])
    mixing = {name: options | {"steps": NUM_STEPS}} if options.get("steps") else spec["train"]["mixing"]
    spec["train"] = spec["train"] | {"batch_size": BATCH_SIZE, "log_every": 1, "mixing": mixing}
    spec["curve_examples"] = NUM_EXAMPLES
    spec["tasks"] = {name: _shrink_task(task, root, folder) for name, task in spec["tasks"].items()}
    _link(root, folder, Path(spec["encoder"]["folder"]))
    start = run.start
    if start and start["kind"] == "phase1":
        if (root / start["weights"]).exists():
            _link(root, folder, Path(start["weights"]).parent)
        else:
            start = {"kind": "encoder", "sha256": spec["encoder"]["sha256"]}
    path = folder / layout.run_file(*run.place)
    write_json(path, spec)
    if start:
        write_json(folder / layout.start_file(run.spec["profile"], run.spec["row"], run.spec["seed"]), start)
    small = read_run(path, folder)
    return replace(small, spec=spec)


def _shrink_task(task: dict[str, Any], root: Path, folder: Path) -> dict[str, Any]:
    digests = {}
    for split, name in task["tokens"].items():
        write_tokens(folder / name, _take_first(read_tokens(root / name)))
        digests[split] = hash_folder(folder / name)
    return task | {"digests": digests, "max_train": NUM_EXAMPLES - 1}


def _take_first(tokens: TokenSet) -> TokenSet:
    """The first examples, but of every label the first too, since a metric may need more than one."""
    labels = np.asarray(tokens.labels)
    firsts = np.unique(labels, return_index=True)[1]
    chosen = list(dict.fromkeys([*firsts.tolist()[: NUM_EXAMPLES // 2], *range(len(tokens.ids))]))[:NUM_EXAMPLES]
    size = tokens.sentences_per_example
    flat = tokens.sentences(chosen)  # all first sentences, then all second ones
    sentences = [flat[s * len(chosen) + place] for place in range(len(chosen)) for s in range(size)]
    return make_token_set(sentences, labels[chosen].tolist(), [tokens.ids[place] for place in chosen], size)


def _link(root: Path, folder: Path, name: Path) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).symlink_to(root / name, target_is_directory=True)


@contextmanager
def _record_calls(root: Path, executed: set[str]) -> Iterator[None]:
    """Add every function of the project below `root` that is called within the block."""
    names: dict[Any, str | None] = {}

    def note(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event == "call" and code not in names:
            names[code] = name = _name_function(Path(code.co_filename), code.co_qualname, root)
            if name:
                executed.add(name)

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


def _name_function(path: Path, qualified_name: str, root: Path) -> str | None:
    """`pipeline.training.loop.Training.run_all`; a function within a function counts as the outer one."""
    if not path.is_absolute() or not path.is_relative_to(root):
        return None
    parts = path.relative_to(root).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return f"{module}.{qualified_name.split('.<locals>')[0]}"
