"""Results held to their records after a change that should change none: `python -m stages.vouch [--steps 20]`."""

from pathlib import Path

from pipeline.command import make_parser, run


def main() -> int:
    """Exit 1 if any run is refused. What is vouched for has the new key, in DVC too; what must train is left to it."""
    parser = make_parser(__doc__, "vouch --profile sample")
    parser.add_argument("--profile", help="the one in params.yaml")
    parser.add_argument("--steps", type=int, help="to replay of each run (all that its record has)")
    arguments = parser.parse_args()
    from pipeline.config.params import load_params
    from pipeline.engine.graph import repro
    from pipeline.engine.vouch import commit, vouch
    from pipeline.training.replay import NUM_FIRST_STEPS

    steps = NUM_FIRST_STEPS if arguments.steps is None else arguments.steps
    if not 1 <= steps <= NUM_FIRST_STEPS:
        parser.error(f"--steps {steps}: allowed: 1 to {NUM_FIRST_STEPS}, as many as a record has")
    profile, root = arguments.profile or load_params().profile, Path.cwd()
    repro(f"plan@{profile}")
    verdicts = []
    for verdict in vouch(profile, root, steps):
        verdicts.append(verdict)
        print(f"{verdict.outcome:<10}{verdict.stage}  {verdict.why}", flush=True)
    commit(profile, root, verdicts)
    refused = sum(verdict.outcome == "refused" for verdict in verdicts)
    print(f"{len(verdicts)} runs: {sum(v.outcome == 'vouched' for v in verdicts)} vouched for, {refused} refused")
    return int(refused > 0)


if __name__ == "__main__":
    run(main, exit_code=2)
