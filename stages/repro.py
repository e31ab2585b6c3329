"""What `dvc repro` does, with the runs side by side: `python -m stages.repro [--jobs N]`; `make run` is this."""

import argparse
import signal
import subprocess
import sys
from pathlib import Path

from pipeline.config.params import load_params
from pipeline.engine.graph import Graph
from pipeline.engine.parallel import Parallel, default_jobs, read_last_lines


def main() -> int:
    """Exit 1 if a run failed (the others finish), 130 after an interrupt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=default_jobs(), help="runs at a time (%(default)s)")
    arguments = parser.parse_args()
    if arguments.jobs < 1:
        parser.error(f"--jobs {arguments.jobs}: allowed: 1 or more")
    profile = load_params().profile
    dvc = [sys.executable, "-m", "dvc", "repro"]
    subprocess.run([*dvc, "--quiet", f"plan@{profile}"], check=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Graph(Path.cwd()) as graph:
        outcome = Parallel(profile, arguments.jobs, graph).run()
    for name, log in outcome.failed.items():
        print(f"\n{name} failed; the end of {log}:\n{read_last_lines(log)}", file=sys.stderr)
    if not outcome.failed:
        subprocess.run([*dvc, "--quiet"], check=True)
    return int(bool(outcome.failed))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"repro: {error}")
    except KeyboardInterrupt:
        print("\nrepro: interrupted; the same command resumes from the last checkpoints", file=sys.stderr)
        sys.exit(130)
