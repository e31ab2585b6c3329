"""The words about a run in MLflow: tags to group and filter by, where it came from, how to make it again."""

import re
import shlex
from collections.abc import Collection
from typing import Any

from pipeline.evaluation.metrics import OVERALL
from pipeline.runs import layout
from pipeline.tracking.tables import LOGGED_TABLES_TAG, logged_tables_tag

ORIGINAL_KEY_TAG = "original_key"  # of a record that was re-keyed after a replay: the key that it was made under
SCORE_TAG = "score."  # and the task, or overall: its final score with the digits that mean something
COLLAPSED_TAG = "collapsed"
COLOR_TAG = "mlflow.runColor"  # of its curves
# Tableau's twenty, the strong ones first: a row has one colour whatever the seed; without it MLflow draws lots.
COLORS = (
    "#1f77b4 #ff7f0e #2ca02c #d62728 #9467bd #8c564b #e377c2 #7f7f7f #bcbd22 #17becf "
    "#aec7e8 #ffbb78 #98df8a #ff9896 #c5b0d5 #c49c94 #f7b6d2 #c7c7c7 #dbdb8d #9edae5"
).split()
NOTE_TAG = "mlflow.note.content"  # markdown, shown as the run's description
# Names that the projection gives: a record's own tags, which may come from elsewhere, cannot have them.
RESERVED = ("run_key", ORIGINAL_KEY_TAG, "current", "projected", "dvc_experiment", COLLAPSED_TAG)
RESERVED_PREFIXES = ("mlflow.", SCORE_TAG, "dataset.", "environment.")
COMMIT, RUN_KEY = re.compile("[0-9a-f]{7,64}"), re.compile("[0-9a-f]{64}")


def compose_tags(
    leader: dict[str, Any], group: list[dict[str, Any]], row: dict[str, Any], tasks: list[str]
) -> dict[str, str]:
    """The tags of a run: `leader` is its first record, `row` what the plan says of its row, `tasks` have predictions.

    MLflow shows them in this order. What a record's own tags say of the identity does not count, but for the encoder,
    and neither do those of a reserved name, nor a commit that is none. The command is quoted for a shell.
    """
    ran_in = dict(leader["environment"])
    commit, dirty = ran_in.pop("git_commit", "unknown"), ran_in.pop("git_dirty", "unknown")
    commit = commit if COMMIT.fullmatch(commit) else "unknown"
    checkout = "" if commit == "unknown" else f"git checkout {commit} && "
    identity = {
        "row": leader["row"],
        "seed": "" if leader["seed"] is None else str(leader["seed"]),
        "phase": layout.table(leader["phase"]),
        "profile": leader["profile"],
        "kind": leader["kind"],
        "encoder": str(leader["params"].get("encoder", leader["params"].get("encoder.name", ""))),
        "control": row.get("control") or "",
        "git_commit": commit,
        "git_dirty": dirty,
        "reproduce": f"{checkout}dvc repro {shlex.quote(_name_stage(leader, row, tasks))}",
    }
    tags = {
        **identity,
        **{key: value for record in reversed(group) for key, value in record["tags"].items() if not _is_reserved(key)},
        **{f"dataset.{data['name']}": data["digest"] for record in group for data in record["datasets"]},
        **{f"environment.{key}": value for key, value in ran_in.items()},
        # What fills the fields "Description", "Source" and "Version" of MLflow's pages, and marks tables as such.
        NOTE_TAG: _describe(identity, row.get("note") or leader["tags"].get("description", "")),
        "mlflow.source.name": ran_in.get("command", ""),
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": commit.removeprefix("unknown"),
        COLOR_TAG: COLORS[row["position"] % len(COLORS)] if "position" in row else "",
        LOGGED_TABLES_TAG: logged_tables_tag(tasks) if tasks else "",
        **{key: value for key, value in identity.items() if key != "encoder" or value},
    }
    return {key: value for key, value in tags.items() if value}


def _is_reserved(key: str) -> bool:
    return key in RESERVED or key.startswith(RESERVED_PREFIXES)


def find_original_key(leader: dict[str, Any], taken: Collection[str]) -> str:
    """The key that MLflow first saw a run under: its own, unless its results were re-keyed.

    What is no key, or is `taken` by another run, does not count: two runs would take each other's place.
    """
    said = leader["tags"].get(ORIGINAL_KEY_TAG, "")
    return said if RUN_KEY.fullmatch(said) and said not in taken else leader["run_key"]


def compose_scores(group: list[dict[str, Any]], plan: dict[str, Any] | None) -> dict[str, str]:
    """Tags of a run's final scores, one for each task of the plan, marked where the predictions have collapsed.

    What the records lack has no tag.
    """
    values = {
        key: points[-1][-1] for record in group if record["kind"] == "evaluation"
        for key, points in record["metrics"].items() if points
    }  # fmt: skip
    keys = {task: f"{task}.{entry['metric']}" for task, entry in (plan or {}).get("tasks", {}).items()}
    keys = {task: key for task, key in (keys | {OVERALL: OVERALL}).items() if key in values}
    collapsed = [task for task in keys if values.get(f"{task}.collapsed") == 1.0]
    marks = {task: " † collapsed" for task in collapsed}
    tags = {f"{SCORE_TAG}{task}": f"{values[key]:.3f}{marks.get(task, '')}" for task, key in keys.items()}
    return tags | ({COLLAPSED_TAG: ", ".join(collapsed)} if collapsed else {})


def _name_stage(record: dict[str, Any], row: dict[str, Any], tasks: list[str]) -> str:
    (task, *_) = row.get("tasks") or tasks or [record["row"].partition("_")[0]]
    fields = (record[key] for key in ("kind", "profile", "phase", "row", "seed"))
    return layout.stage_name(*fields, task)


def _describe(identity: dict[str, str], note: str) -> str:
    control = f"Control: `{identity['control']}`." if identity["control"] else ""
    dirty = " The checkout had changes that were not committed." if identity["git_dirty"] == "true" else ""
    first = " ".join(part for part in (note, control) if part)
    return f"{first}\n\nTo make it again: `{identity['reproduce']}`{dirty}".strip()
