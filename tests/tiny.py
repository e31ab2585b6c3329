"""The tiny project: a random 2-layer encoder and a few dozen rows of the sample corpus, seconds for the whole graph."""

import copy
import csv
import functools
import hashlib
import re
import shutil
import string
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

from model.bert import BertConfig, MiniBert
from pipeline.config.params import load_params
from pipeline.config.plan import write_plan
from pipeline.config.schema import Params
from pipeline.data.assemble import SAMPLE_SEED, assemble
from pipeline.data.encode_text import encode_text
from pipeline.data.sample import write_sample_corpus
from pipeline.runs import layout
from pipeline.runs.code import Code
from pipeline.runs.run_files import Run, read_run
from stages import start as start_stage

REPOSITORY = Path(__file__).resolve().parent.parent
PROFILE = "tiny"
ENCODER = "tiny_random"
SIZES = {task: {"train": 24, "dev": 20, "test": 8} for task in ("sst", "sts", "cfimdb")} | {
    "para": {"train": 40, "dev": 20, "test": 8}
}
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SHAPE = {"hidden_size": 32, "num_layers": 2, "num_heads": 2, "intermediate_size": 64}
# The fast ones where PyYAML was built with them: tests change params.yaml hundreds of times.
LOADER, DUMPER = getattr(yaml, "CSafeLoader", yaml.SafeLoader), getattr(yaml, "CSafeDumper", yaml.SafeDumper)
ROWS = ("baseline_frozen_after_sst", "baseline", "iteration_1", "iteration_2", "iteration_3")


def write_tiny_params(params: dict[str, Any], mirror: Path) -> dict[str, Any]:
    """The content of the real params.yaml with the profile `tiny` chosen, one seed, few rows and epochs of one.

    The files of its random encoder are written to the folder `mirror`, which BERTY_MIRROR must name.
    """
    params = copy.deepcopy(params)
    files = write_random_encoder(mirror / ENCODER)
    params["assets"] |= {f"{ENCODER}/{file.name}": {"sha256": _sha256(file), "sources": []} for file in files}
    vocab_size = len((mirror / ENCODER / "vocab.txt").read_text().splitlines())
    params["encoders"][ENCODER] = {**SHAPE, "vocab_size": vocab_size, "max_positions": 64}
    params["profiles"][PROFILE] = {
        "note": "For tests.",
        "tasks": list(SIZES),
        "data": {"corpus": "sample", "max_length": 64, "sizes": SIZES},
        "encoder": ENCODER,
        "part1_epochs": 2,
        "curve_examples": 12,
        "train": {"batch_size": 8, "learning_rate": 1e-3, "frozen_learning_rate": 5e-3, "log_every": 2},
    }
    params["profile"], params["seeds"] = PROFILE, [0]
    params["phase1"] = {name: params["phase1"][name] for name in ("sst_then_sts",)}
    params["iterations"] = {name: params["iterations"][name] for name in ROWS}
    params["rows"] = list(ROWS)
    for profile in params["profiles"].values():
        for key in ("floors", "may_collapse", "num_seeds"):
            profile.pop(key, None)  # of rows that are gone
    for row in (*params["phase1"].values(), *params["iterations"].values()):
        for leg in row["schedule"]:
            leg["epochs"] = 1
    return params


def write_random_encoder(folder: Path, cased: bool = False) -> list[Path]:
    """Write model.safetensors and vocab.txt of an encoder that knows the words of the tiny sample corpus."""
    folder.mkdir(parents=True)
    vocab = folder / "vocab.txt"
    vocab.write_text("\n".join(_list_word_pieces(folder / "corpus", cased)) + "\n")
    shutil.rmtree(folder / "corpus")
    config = BertConfig(
        **SHAPE,
        vocab_size=len(vocab.read_text().splitlines()),
        max_positions=64,
        num_token_types=2,
        layer_norm_eps=1e-12,
        hidden_dropout=0.1,
        attention_dropout=0.1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = MiniBert(config)
    # Ten times BERT's initial weights: at those a sentence hardly changes the vector of its [CLS].
    wide = {name: tensor * 10 if tensor.dim() == 2 else tensor for name, tensor in encoder.state_dict().items()}
    save_file(wide, folder / "model.safetensors")
    return [folder / "model.safetensors", vocab]


def _list_word_pieces(folder: Path, cased: bool) -> list[str]:
    write_sample_corpus(folder, SIZES, SAMPLE_SEED)
    words: set[str] = set()
    for path in folder.glob("*.csv"):
        with path.open(newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                text = " ".join(value for name, value in row.items() if name.startswith("sentence"))
                words |= set(re.findall(r"[A-Za-z0-9]+", text if cased else text.lower()))
    characters = string.ascii_lowercase + string.digits + string.ascii_uppercase * cased
    pieces = [*SPECIAL_TOKENS, *string.punctuation, *characters, *(f"##{character}" for character in characters)]
    return list(dict.fromkeys([*pieces, *sorted(words)]))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def dump_yaml(params: dict[str, Any]) -> str:
    """The text of a params.yaml."""
    return yaml.dump(params, Dumper=DUMPER, sort_keys=False)


@dataclass(frozen=True)
class TinyProject:
    """A project folder with everything that plan needs; the tests that use it work inside it."""

    root: Path

    @property
    def params(self) -> Params:
        return load_params(self.root / "params.yaml")

    def change(self, **values: Any) -> None:
        """Set keys of params.yaml: a name's `__` stands for the dot between two keys; None deletes the key.

        A row that is added runs: it joins `rows`, or `averages`; one that is deleted leaves them.
        """
        path = self.root / "params.yaml"
        params = yaml.load(path.read_text(), LOADER)
        for name, value in values.items():
            *folders, last = name.split("__")
            section = params
            for folder in folders:
                section = section.setdefault(folder, {})
            if value is None:
                del section[last]
            else:
                section[last] = value
            if folders == ["iterations"]:
                for name in ("rows", "averages"):
                    is_there = value is not None and ("average" in value) == (name == "averages")
                    params[name] = [row for row in params[name] if row != last] + [last] * is_there
        path.write_text(dump_yaml(params))

    def add_encoder(self, name: str, **keys: Any) -> None:
        """A second encoder of the same files, `keys` its row's: it is there once a row names it and `prepare` ran."""
        files = (self.root / "mirror" / ENCODER).iterdir()
        shutil.copytree(self.root / "mirror" / ENCODER, self.root / "mirror" / name)
        assets = {f"assets__{name}/{file.name}": {"sha256": _sha256(file), "sources": []} for file in files}
        self.change(**assets, **{f"encoders__{name}": self.params.encoders[ENCODER].model_dump() | keys})

    def prepare(self) -> None:
        """Download and tokenise again, as the stages do."""
        assemble(self.params, PROFILE, self.root)
        encode_text(self.params, PROFILE, self.root)

    def plan(self) -> dict[str, bytes]:
        """Write the plan; returns its run files' bytes, keyed `<phase>/<row>-<seed>`."""
        write_plan(self.params, PROFILE, self.root)
        runs = self.root / layout.plan(PROFILE) / "runs"
        return {f"{path.parent.name}/{path.stem}": path.read_bytes() for path in runs.rglob("*.json")}

    def add_row(self, schedule: list[dict[str, Any]], **keys: Any) -> Run:
        """Add the row `new` to `iterations`, plan, and write its start file."""
        self.change(iterations__new={"schedule": schedule, **keys})
        self.plan()
        return self.start("new")

    def run(self, phase: str, row: str) -> Run:
        return read_run(layout.run_file(PROFILE, phase, row, 0))

    def start(self, row: str) -> Run:
        """Write the start file of a phase-2 row, as its stage does."""
        call_stage(start_stage, "--run", layout.run_file(PROFILE, "phase2", row, 0))
        return self.run("phase2", row)

    def model(self, run: Run) -> Path:
        return self.root / layout.model(*run.place)

    def record(self, run: Run) -> Path:
        """The folder of the training record."""
        return self.root / layout.training_record(*run.place)


def call_stage(stage: ModuleType, *arguments: object) -> None:
    """Call a stage's main with a command line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [stage.__name__, *map(str, arguments)])
        stage.main()


def replace(file: Path, before: str, after: str) -> None:
    """Edit a copy of a source file, which must have the text."""
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def leave_out_panels(root: Path) -> None:
    """In a copy of the code: a figure takes longer than all tables, and tests/pipeline/reporting draws them."""
    first = "    place_of_legend = "
    replace(root / "pipeline/reporting/canvas.py", first, f"    figure.clear()\n{first}")


reach = functools.cache(Code(REPOSITORY).reach)


def read_code(root: Path) -> Code | SimpleNamespace:
    """The code below a root. Following the repository's takes most of a plan's time: it is done once for each entry."""
    linked = SimpleNamespace(reach=lambda entries: reach(tuple(entries)))
    return linked if (root / "model").is_symlink() else Code(root)


def build_tiny_project(root: Path) -> TinyProject:
    """Write params.yaml, the lock, encoder, corpus and tokens below `root`, with links to the training code."""
    shutil.copyfile(REPOSITORY / "requirements.lock", root / "requirements.lock")
    for name in ("model", "pipeline"):
        (root / name).symlink_to(REPOSITORY / name)
    params = write_tiny_params(yaml.safe_load((REPOSITORY / "params.yaml").read_text()), root / "mirror")
    (root / "params.yaml").write_text(dump_yaml(params))
    project = TinyProject(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BERTY_MIRROR", str(root / "mirror"))
        project.prepare()
    return project
