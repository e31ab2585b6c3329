"""Which weights a phase-2 run starts from: the encoder's, or what its phase-1 recipe left."""

from pathlib import Path
from typing import Any

from pipeline.files.atomic import read_json
from pipeline.runs import layout
from pipeline.runs.layout import Tree
from pipeline.runs.record import read_record


def make_start(spec: dict[str, Any], root: Path = Path("."), tree: Tree = layout.artifacts) -> dict[str, Any]:
    """The content of the start file of a phase-2 run file; a recipe's weights are named by the hash in its record.

    `tree` is where the records of phase 1 lie.
    """
    if spec["start"] == "encoder":
        return {"kind": "encoder", "sha256": spec["encoder"]["sha256"]}
    place = (spec["profile"], "phase1", spec["start"], spec["seed"])
    record = read_record(root / layout.training_record(*place, tree) / "record.json")
    trained = read_json(root / layout.run_file(*place))["tasks"]
    return {
        "kind": "phase1",
        "recipe": spec["start"],
        "tasks": [task for task in trained if task in spec["tasks"]],
        "weights": record["tags"]["weights"],
        "sha256": record["tags"]["weights_sha256"],
    }
