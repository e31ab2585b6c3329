"""The types of what is in a run file and a start file: what training and evaluation take for granted of them."""

from pipeline.evaluation.model_schema import CHOICE, COUNT, ENCODER, FRACTION, HASH, NAME, PATH, TASK, TRAIN
from pipeline.files.forms import Form, check, either, fields, list_of, mapping, number, one_of, optional, text, whole
from pipeline.runs import neutral
from pipeline.runs.layout import PHASES
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
        "adamw_form": text(NAME),
        "batch_size": COUNT,
        "beta1": FRACTION,
        "beta2": FRACTION,
        "eps": number(0),
        "frozen_learning_rate": number(0),
        "keep": text(NAME),
        "learning_rate": number(0),
        "learning_rate_schedule": CHOICE,
        "log_every": COUNT,
        "mixing": CHOICE,
        "mixout": FRACTION,
        "regulariser": optional(CHOICE),
        "selection_fraction": optional(FRACTION),
        "weight_decay": number(0),
    },
    may_lack=neutral.TRAIN,
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
