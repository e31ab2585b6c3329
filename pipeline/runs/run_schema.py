"""The types of what is in a run file and a start file: what training and evaluation take for granted of them."""

from pipeline.runs.forms import (
    Form,
    boolean,
    check,
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
from pipeline.runs.layout import PHASES
from pipeline.runs.neutral import LEG, TASK, TEXT, TRAIN
from pipeline.runs.run_files import NAME, Run

HASH = text("[0-9a-f]{64}")
PATH = text(r"(?!/)(?!.*(?:^|/)\.\.(?:/|$))[^\0]+")  # below the project's root
SCALAR = either(number(), boolean(), list_of(either(number(), text())), optional(text()))
CHOICE = either(text(NAME), mapping(mapping(SCALAR)))  # a name, or a name with options, which its registry checks
COUNT, FRACTION = whole(1, 2**31), number(0, 1)
SPLITS = ("train", "dev")

ENCODER = fields({"name": text(NAME), "folder": PATH, "sha256": HASH, "config_sha256": HASH})
TASK_FORM = fields(
    {
        "head": CHOICE,
        "num_classes": optional(whole(2, 10_000)),
        "label_range": optional(list_of(number(), 2, 2)),
        "metric": text(NAME),
        "text": fields(
            {
                "sentences": list_of(text(), 1, 2),
                "cleaning": text(NAME),
                "max_length": whole(2, 10_000),
                "lowercase": boolean(),
            },
            may_lack=TEXT,
        ),
        "tokens": fields(dict.fromkeys(SPLITS, PATH)),
        "digests": fields(dict.fromkeys(SPLITS, HASH)),
        "max_train": optional(COUNT),
    },
    may_lack=TASK,
)
LEG_FORM = fields(
    {
        "tasks": list_of(text(NAME), 1),
        "epochs": COUNT,
        "encoder": one_of("frozen", "finetuned"),
        "combine": CHOICE,
        "loss_weights": mapping(number(0)),
    },
    may_lack=LEG,
)
TRAIN_FORM = fields(
    {
        "adamw_form": text(NAME),
        "batch_size": COUNT,
        "beta1": FRACTION,
        "beta2": FRACTION,
        "encoder_dropout": FRACTION,
        "eps": number(0),
        "evaluation_tokens": COUNT,
        "frozen_learning_rate": number(0),
        "head_dropout": FRACTION,
        "head_width": optional(COUNT),
        "keep": text(NAME),
        "learning_rate": number(0),
        "learning_rate_schedule": CHOICE,
        "log_every": COUNT,
        "mixing": CHOICE,
        "pooling": CHOICE,
        "precision": text(NAME),
        "regulariser": optional(CHOICE),
        "selection_fraction": optional(FRACTION),
        "weight_decay": number(0),
    },
    may_lack=TRAIN,
)
RUN: Form = fields(
    {
        "version": whole(1, 1),
        "profile": text(NAME),
        "phase": one_of(*PHASES),
        "row": text(NAME),
        "seed": whole(),
        "encoder": ENCODER,
        "tasks": mapping(TASK_FORM, text(NAME)),
        "schedule": list_of(LEG_FORM),
        "train": TRAIN_FORM,
        "curve_examples": optional(COUNT),
        "packages": mapping(text()),
        "code": either(text(), mapping(text())),
        "start": text(NAME),
    },
    may_lack=("start",),
)
START: dict[str, Form] = {
    "encoder": fields({"kind": one_of("encoder"), "sha256": HASH}),
    "phase1": fields(
        {"kind": one_of("phase1"), "recipe": text(NAME), "tasks": list_of(text(NAME)), "weights": PATH, "sha256": HASH}
    ),
}


def check_run_file(run: Run) -> None:
    """Raise `ValueError` naming file and key unless a run's files have all that training takes, in the right types."""
    check(run.spec, RUN, run.path)
    if unknown := [task for leg in run.spec["schedule"] for task in leg["tasks"] if task not in run.spec["tasks"]]:
        raise ValueError(f"{run.path}: schedule: {unknown[0]!r}; allowed: {', '.join(run.spec['tasks'])}")
    if run.start is not None:
        kind = run.start.get("kind") if isinstance(run.start, dict) else None
        check(run.start, START.get(kind if isinstance(kind, str) else "", START["encoder"]), run.start_path)
