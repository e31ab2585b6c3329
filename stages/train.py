"""Stages part1, phase1 and phase2: train what a run file describes."""

import argparse
import os
import sys
from pathlib import Path

from pipeline.runs import layout
from pipeline.runs.run_files import read_run
from pipeline.runs.skipped import skip_run


def main() -> None:
    """Write the run's model and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="a run file of plan")
    arguments = parser.parse_args()
    if skip_run(arguments.run, layout.model, layout.training_record):
        return
    if "BERTY_THREADS" not in os.environ:
        # Read when torch is loaded. Threads that wander between cores keep each other waiting.
        os.environ.setdefault("OMP_PROC_BIND", "true")
    from pipeline.training.loop import train

    train(read_run(arguments.run))


if __name__ == "__main__":
    try:
        main()
    except (ValueError, FloatingPointError) as error:
        sys.exit(f"train: {error}")
