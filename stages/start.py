"""Stage start: write which weights a phase-2 run starts from, the encoder's or what its phase-1 recipe left."""

import argparse
import sys
from pathlib import Path

from pipeline.files.atomic import read_json, write_json
from pipeline.runs import layout
from pipeline.runs.record import read_record


def main() -> None:
    """Write the start file of a run file. A recipe's weights are named by the hash in its record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="a phase-2 run file of plan")
    run = read_json(parser.parse_args().run)
    profile, row, seed = run["profile"], run["row"], run["seed"]
    if run["start"] == "encoder":
        start = {"kind": "encoder", "sha256": run["encoder"]["sha256"]}
    else:
        record = read_record(layout.training_record(profile, "phase1", run["start"], seed) / "record.json")
        trained = read_json(layout.run_file(profile, "phase1", run["start"], seed))["tasks"]
        start = {
            "kind": "phase1",
            "recipe": run["start"],
            "tasks": [task for task in trained if task in run["tasks"]],
            "weights": record["tags"]["weights"],
            "sha256": record["tags"]["weights_sha256"],
        }
    write_json(layout.start_file(profile, row, seed), start)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"start: {error}")
