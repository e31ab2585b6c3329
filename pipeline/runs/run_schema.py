"""The types of what is in a run file and a start file: what training and evaluation take for granted of them."""

from pipeline.evaluation.model_schema import CHOICE, COUNT, ENCODER, FRACTION, HASH, NAME, PATH, TASK, TRAIN
from pipeline.files.forms import (
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
from pipeline.runs import neutral
from pipeline.runs.layout import AVERAGE, PHASES
from pipeline.runs.run_files import Run

SPLITS = ("train", "dev")
TASK_FORM = fields(
    TASK
    | {
        "tokens": fields(dict.fromkeys(SPLITS, PATH)),
        "digests": fields(dict.fromkeys(SPLITS, HASH)),
        "max_train": optional(COUNT),
    },
    may_lack=neutral.TASK,
)
LEG_FORM = fields(
    {
        "tasks": list_of(text(NAME), 1),
        "epochs": COUNT,
        "encoder": one_of("frozen", "finetuned"),
        "combine": CHOICE,
        "loss_weights": mapping(number(0)),
    },
    may_lack=neutral.LEG,
)
TRAIN_FORM = fields(
    TRAIN
    | {
        "accumulate": COUNT,
        "adamw_form": text(NAME),
        "augmentation": optional(CHOICE),
        "average": optional(CHOICE),
        "batch_size": COUNT,
        "beta1": FRACTION,
        "beta2": FRACTION,
        "clip_norm": optional(number(0)),
        "decay_all": boolean(),
        "eps": number(0),
        "frozen_learning_rate": number(0),
        "keep": text(NAME),
        "learning_rate": number(0),
        "learning_rate_schedule": CHOICE,
        "log_every": COUNT,
        "mixing": CHOICE,
        "mixout": FRACTION,
        "patience": optional(COUNT),
        "rates": CHOICE,
        "regulariser": optional(CHOICE),
        "selection_fraction": optional(FRACTION),
        "weight_decay": number(0),
        "world_size": COUNT,
    },
    may_lack=neutral.TRAIN,
)
SHARED: dict[str, Form] = {
    "version": whole(1, 1),
    "profile": text(NAME),
    "row": text(NAME),
    "seed": whole(),
    "encoder": ENCODER,
    "tasks": mapping(TASK_FORM, text(NAME)),
    "packages": mapping(text()),
    "code": either(text(), mapping(text())),
}
RUN: Form = fields(
    SHARED
    | {
        "phase": one_of(*PHASES),
        "schedule": list_of(LEG_FORM),
        "train": TRAIN_FORM,
        "curve_examples": optional(COUNT),
        "start": text(NAME),
        "pseudo_labels": mapping(mapping(number(0)), text(NAME)),
    },
    may_lack=("start", "pseudo_labels"),
)
MODEL_FORM = fields(TRAIN, may_lack=neutral.TRAIN, others=True)  # the rest is neutral
MEMBER = {"row": text(NAME), "seed": whole()}
AVERAGE_RUN: Form = fields(
    SHARED
    | {
        "phase": one_of(AVERAGE),
        "schedule": list_of(LEG_FORM, 0, 0),
        "train": MODEL_FORM,
        "average": one_of("outputs", "weights"),
        "members": list_of(
            fields(MEMBER | {"tasks": mapping(fields(TASK, may_lack=neutral.TASK), text(NAME)), "train": MODEL_FORM}),
            1,
        ),
    }
)
START: dict[str, Form] = {
    "encoder": fields({"kind": one_of("encoder"), "sha256": HASH}),
    "phase1": fields(
        {"kind": one_of("phase1"), "recipe": text(NAME), "tasks": list_of(text(NAME)), "weights": PATH, "sha256": HASH}
    ),
}
AVERAGE_START: Form = fields(
    {"kind": one_of("average"), "members": list_of(fields(MEMBER | {"weights": PATH, "sha256": HASH}), 1)}
)


def check_run_file(run: Run) -> None:
    """Raise `ValueError` naming file and key unless a run's files have all that training takes, in the right types."""
    if run.spec["phase"] == AVERAGE:
        check(run.spec, AVERAGE_RUN, run.path)
        check(run.start, AVERAGE_START, run.start_path)
        return
    check(run.spec, RUN, run.path)
    if unknown := [task for leg in run.spec["schedule"] for task in leg["tasks"] if task not in run.spec["tasks"]]:
        raise ValueError(f"{run.path}: schedule: {unknown[0]!r}; allowed: {', '.join(run.spec['tasks'])}")
    if run.start is not None:
        kind = run.start.get("kind") if isinstance(run.start, dict) else None
        check(run.start, START.get(kind if isinstance(kind, str) else "", START["encoder"]), run.start_path)
