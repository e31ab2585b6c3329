"""The types of what is in a model.json, and so in a run file: what building a model takes for granted of them."""

from pathlib import Path

from pipeline.data.cleaning import CLEANINGS
from pipeline.files.forms import (
    FILE,
    NAME,
    Form,
    boolean,
    either,
    fields,
    list_of,
    mapping,
    number,
    one_of,
    optional,
    text,
    whole,
)

HASH = text("[0-9a-f]{64}")
PATH = text(rf"(?!/)(?!.*(?:^|/)\.\.(?:/|$)){FILE}")  # below the project's root
SCALAR = either(number(), boolean(), list_of(either(number(), text())), optional(text()))
CHOICE = either(text(NAME), mapping(mapping(SCALAR)))  # a name, or a name with options, which its registry checks
COUNT, FRACTION = whole(1, 2**31), number(0, 1)

ENCODER = fields({"name": text(NAME), "folder": PATH, "sha256": HASH, "config_sha256": HASH})
TASK: dict[str, Form] = {
    "head": CHOICE,
    "num_classes": optional(whole(2, 10_000)),
    "label_range": optional(list_of(number(), 2, 2)),
    "metric": text(NAME),
    "text": fields(
        {
            "sentences": list_of(text(), 1, 2),
            "cleaning": one_of(*CLEANINGS),
            "max_length": whole(2, 10_000),
            "lowercase": boolean(),
        },
        may_lack=("lowercase",),
    ),
}
TRAIN: dict[str, Form] = {
    "precision": one_of("fp32", "bf16"),
    "pooling": CHOICE,
    "head_width": optional(whole(1, 2**16)),
    "head_dropout": FRACTION,
    "encoder_dropout": FRACTION,
    "evaluation_tokens": COUNT,
}
MEMBERS = "members.json"  # what an average of outputs has in the place of a model: its members
MODEL = fields(
    {
        "version": whole(1, 1),
        "run_key": text(),
        "encoder": ENCODER,
        "tasks": mapping(fields(TASK, may_lack=("label_range",)), text(NAME)),
        "train": fields(TRAIN),
    }
)


def refuse_outputs(folder: Path) -> None:
    """Raise `ValueError` for the folder of an average of outputs: it has no weights of its own."""
    if (Path(folder) / MEMBERS).is_file():
        raise ValueError(f"{folder}: an average of outputs is no model; {MEMBERS} names the models that it is of")
