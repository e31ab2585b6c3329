"""Serve a registered model over http: `python -m stages.serve [--alias champion] [--port 5001]`; no stage."""

import argparse
import sys
from pathlib import Path

from pipeline.config.params import load_params
from pipeline.serving.registry import CHAMPION
from pipeline.serving.server import run_server
from pipeline.tracking.store import StoreUnavailable


def main() -> None:
    """Serve until Ctrl-C: POST /invocations takes {"dataframe_records": [{"sentence1": ..., "sentence2": ...}]}."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", help="the one in params.yaml")
    parser.add_argument("--alias", default=CHAMPION, help="which version: champion or candidate")
    parser.add_argument("--port", type=int, default=5001)
    arguments = parser.parse_args()
    run_server(arguments.profile or load_params().profile, arguments.alias, arguments.port, Path.cwd())


if __name__ == "__main__":
    try:
        main()
    except (ValueError, StoreUnavailable) as error:
        sys.exit(f"serve: {error}")
