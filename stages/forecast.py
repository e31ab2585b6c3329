"""Which runs `make run` would train, why, and roughly how long: `make plan`."""

import argparse
import subprocess
import sys
from pathlib import Path

from pipeline.config.params import load_params
from pipeline.engine.forecast import forecast
from pipeline.engine.graph import Graph
from pipeline.engine.parallel import default_jobs
from pipeline.engine.view import format_minutes


def main() -> None:
    """Bring the plan up to date (that downloads and tokenizes what is not here), and say what it asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=default_jobs(), help="runs at a time (%(default)s)")
    arguments = parser.parse_args()
    profile = load_params().profile
    subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet", f"plan@{profile}"], check=True)
    with Graph(Path.cwd()) as graph:
        found = forecast(profile, graph)
    for task, reason, seconds in found.to_train:
        print(f"{task.name:<36} {format_minutes(seconds) if seconds else '':>8}  {reason}")
    seconds = found.find_seconds(arguments.jobs)
    how_long = f", about {format_minutes(seconds)} with {arguments.jobs} at a time" if seconds else ""
    print(
        f"{len(found.to_train)} to train{how_long}; {found.num_finished} are done, {found.num_cached} come from DVC's "
        f"cache, {found.num_skipped} are not in `rows` or have fewer seeds."
    )


if __name__ == "__main__":
    try:
        main()
    except (ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"forecast: {error}")
