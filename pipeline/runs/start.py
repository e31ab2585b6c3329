"""Which weights a run begins with: in phase 2 the encoder's, or what its recipe left; of an average its members'."""

from pathlib import Path
from typing import Any

from pipeline.files.atomic import read_json
from pipeline.runs import layout
from pipeline.runs.layout import Tree
from pipeline.runs.record import read_record


def make_start(spec: dict[str, Any], root: Path = Path("."), tree: Tree = layout.artifacts) -> dict[str, Any]:
    """The content of the start file of a run file; what other runs trained is named by the hash in their records.

    `tree` is where these records lie.
    """
    if spec["phase"] == layout.AVERAGE:
        members = [{key: member[key] for key in ("row", "seed")} for member in spec["members"]]
        return {"kind": "average", "members": [
            member | _read_weights((spec["profile"], "phase2", member["row"], member["seed"]), root, tree)
            for member in members
        ]}  # fmt: skip
    if spec["start"] == "encoder":
        return {"kind": "encoder", "sha256": spec["encoder"]["sha256"]}
    place = (spec["profile"], "phase1", spec["start"], spec["seed"])
    trained = read_json(root / layout.run_file(*place))["tasks"]
    return {
        "kind": "phase1",
        "recipe": spec["start"],
        "tasks": [task for task in trained if task in spec["tasks"]],
        **_read_weights(place, root, tree),
    }


def _read_weights(place: tuple[str, str, str, int], root: Path, tree: Tree) -> dict[str, str]:
    tags = read_record(root / layout.training_record(*place, tree) / "record.json")["tags"]
    return {"weights": tags["weights"], "sha256": tags["weights_sha256"]}
