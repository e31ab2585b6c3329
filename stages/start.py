"""Stages start and members: write which weights a run begins with, the encoder's, its recipe's or its members'."""

from pathlib import Path

from pipeline.command import make_parser, run
from pipeline.files.atomic import read_json, write_json
from pipeline.runs import layout
from pipeline.runs.start import make_start


def main() -> None:
    """Write the start file of a run file."""
    parser = make_parser(__doc__, "start --run artifacts/sample/plan/runs/phase2/iteration_3-0.json")
    parser.add_argument("--run", type=Path, required=True, help="a run file of plan, of phase 2 or an average")
    spec = read_json(parser.parse_args().run)
    skipped = {key: spec[key] for key in ("skipped",) if key in spec}
    write_json(layout.start_file(spec["profile"], spec["row"], spec["seed"]), skipped or make_start(spec))


if __name__ == "__main__":
    run(main)
