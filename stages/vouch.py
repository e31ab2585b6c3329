"""Results held to their records after a change that should change none: `python -m stages.vouch [--steps 20]`."""

import argparse
import subprocess
import sys
from pathlib import Path

from pipeline.config.params import load_params
from pipeline.training.replay import NUM_FIRST_STEPS


def main() -> int:
    """Exit 1 if any run is refused. What is vouched for has the new key, in DVC too; what must train is left to it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", help="the one in params.yaml")
    parser.add_argument("--steps", type=int, default=NUM_FIRST_STEPS, help=f"to replay, at most {NUM_FIRST_STEPS}")
    arguments = parser.parse_args()
    if not 1 <= arguments.steps <= NUM_FIRST_STEPS:
        parser.error(f"--steps {arguments.steps}: allowed: 1 to {NUM_FIRST_STEPS}, as many as a record has")
    from pipeline.engine.vouch import commit, vouch

    profile, root = arguments.profile or load_params().profile, Path.cwd()
    subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet", f"plan@{profile}"], check=True)
    verdicts = []
    for verdict in vouch(profile, root, arguments.steps):
        verdicts.append(verdict)
        print(f"{verdict.outcome:<10}{verdict.stage}  {verdict.why}", flush=True)
    commit(profile, root, verdicts)
    refused = sum(verdict.outcome == "refused" for verdict in verdicts)
    print(f"{len(verdicts)} runs: {sum(v.outcome == 'vouched' for v in verdicts)} vouched for, {refused} refused")
    return int(refused > 0)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ValueError, subprocess.CalledProcessError) as error:
        print(f"vouch: {error}", file=sys.stderr)
        sys.exit(2)
