"""What each stage of a profile executes, and what it reads of params.yaml: a file a stage, which DVC compares.

DVC hashes bytes; these files change when a stage's meaning does. The runs have their own digests, in their run files.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from model.averages import AVERAGES
from model.combine import COMBINERS
from model.heads import HEADS
from model.pooling import POOLINGS
from model.rates import RATES
from model.regularisers import REGULARISERS
from model.schedules import SCHEDULES
from pipeline.config.plan import check_rows
from pipeline.config.runs import read_training_lock
from pipeline.config.schema import Params
from pipeline.config.selection import choose_profile, list_adapted, list_published
from pipeline.data.adapt import entries_of
from pipeline.data.assemble import list_choices
from pipeline.data.subset import read_ids
from pipeline.evaluation.metrics import METRICS
from pipeline.files.atomic import atomic_folder, write_json
from pipeline.files.digest import hash_bytes
from pipeline.runs import layout
from pipeline.runs.code import PSEUDO_LABELS, RANKS, RUN_ENTRIES, Code, combine_digests
from pipeline.training.augmentation import AUGMENTATIONS
from pipeline.training.mixing import MIXINGS
from pipeline.training.sources import SOURCES

# Where a stage's work begins; what its module adds is the command line.
ENTRY_POINTS = {
    "download": ["pipeline.data.assemble:assemble"],
    "tokenize": ["pipeline.data.encode_text:encode_text"],
    "adapt": ["pipeline.data.adapt:adapt_encoders"],
    "plan": ["pipeline.config.plan:write_plan"],
    "start": ["pipeline.runs.start:make_start"],
    "members": ["pipeline.runs.start:make_start"],
    "report": ["pipeline.reporting.report:write_report"],
    "track": ["pipeline.tracking.deadline:project_in_time", "pipeline.tracking.collect:collect"],
}
REGISTRIES = (
    COMBINERS,
    HEADS,
    POOLINGS,
    SCHEDULES,
    RATES,
    AVERAGES,
    REGULARISERS,
    AUGMENTATIONS,
    MIXINGS,
    SOURCES,
    METRICS,
)


def write_digests(params: Params, profile: str, root: Path = Path(".")) -> None:
    """Write `layout.digests(profile)`: STAGE.json with `code`, a digest of every definition, and what it reads.

    What plan would refuse without looking at files is refused here: nothing is changed by a typo.
    """
    check_rows(params, profile)
    code, reads = Code(root), _list_reads(params, profile, root)
    adapting = [entry for name in list_adapted(params, profile) for entry in entries_of(params.encoders[name].adapt)]
    entries = ENTRY_POINTS | {
        "adapt": [*ENTRY_POINTS["adapt"], *adapting] if adapting else [],  # an idle stage stays so
        "report": [*ENTRY_POINTS["report"], *_list_metrics(params, profile)],
    }
    executed = [*RUN_ENTRIES, RANKS, PSEUDO_LABELS, *_list_registry_modules()]
    reads["plan"]["runs"] = combine_digests(code.reach(executed).digests)
    with atomic_folder(root / layout.digests(profile)) as folder:
        for stage, points in entries.items():
            write_json(folder / f"{stage}.json", {"code": code.reach(points).digests, **reads.get(stage, {})})


def _list_reads(params: Params, profile: str, root: Path) -> dict[str, dict[str, Any]]:
    """What of params.yaml, and of the lock, each stage's work depends on."""
    row, names = choose_profile(params, profile), list_published(params, profile)
    encoders = {name: params.encoders[name].model_dump(exclude={"caveat", *ADAPTING}) for name in names}
    files = sorted(list_choices(params, profile).values())
    folders = [params.encoders[name].first_layers_of or name for name in names]
    needed = [
        name for name in params.assets if name.split("/")[0] in folders or any(name in choices for choices in files)
    ]
    tasks = {name: params.tasks[name].model_dump() for name in row.tasks}
    data = row.data.model_dump(exclude={"subsets"})
    subsets = {
        name: subset.model_dump() | {"digest": hash_bytes("\n".join(read_ids(root / subset.ids)).encode())}
        for name, subset in row.data.subsets.items()
    }
    adapted = {name: params.encoders[name].model_dump(include=ADAPTING) for name in list_adapted(params, profile)}
    versions = read_training_lock(root / "requirements.lock")
    sections = ("seeds", "rows", "averages", "encoders", "tasks", "train", "part1", "phase1", "iterations", "figures")
    return {
        "download": {"assets": _dump(params.assets, needed), "data": data, "encoders": encoders, "files": files},
        "tokenize": {
            "data": data,
            "encoders": encoders,
            "subsets": subsets,
            "tasks": {name: {key: task[key] for key in TEXT_KEYS} for name, task in tasks.items()},
            "tokenizers": versions["tokenizers"],
        },
        "adapt": {"adapted": adapted, "max_train": row.max_train, "versions": versions} if adapted else {},
        "plan": {
            "params": {name: value for name, value in params.model_dump().items() if name in sections},
            "profile": row.model_dump(exclude={"floors", "may_collapse", "seed_sd"}),
            "versions": versions,
        },
    }


ADAPTING = {"adapted_from", "adapt"}  # of an encoder
TEXT_KEYS = ("files", "sentences", "label", "num_classes", "label_range", "cleaning")  # of a task


def _dump(section: dict[str, BaseModel], names: Iterable[str]) -> dict[str, Any]:
    return {name: section[name].model_dump() for name in names}


def _list_metrics(params: Params, profile: str) -> list[str]:
    metrics = {params.tasks[task].metric for task in choose_profile(params, profile).tasks}
    return [f"{METRICS.package}.{name}" for name in sorted(metrics)]


def _list_registry_modules() -> list[str]:
    """Every entry of every registry: one that no run uses makes plan run again, and nothing after it."""
    return [f"{registry.package}.{name}" for registry in REGISTRIES for name in registry]
