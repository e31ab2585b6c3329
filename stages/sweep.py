"""A search over a row's numbers with Optuna, scored by examples held out of training and never by dev.

A KEY is one of the row, such as schedule.0.loss_weights.sts (legs count from 0). The same command goes on.
"""

import shlex
import sys
from pathlib import Path

from pipeline.command import make_parser, run


def main() -> None:
    """Print the best trials and the row of the best; Optuna's study and the trials' records stay in a folder."""
    parser = make_parser(__doc__, "sweep iteration_2 --search train.learning_rate=1e-5..3e-4:log --trials 20")
    parser.add_argument("row", help="of `rows`")
    parser.add_argument("--search", action="append", required=True, metavar="KEY=LOW..HIGH[:log]", help="once or more")
    parser.add_argument("--trials", type=int, default=20, help="in all (20)")
    parser.add_argument("--jobs", type=int, default=1, help="trials at a time (1)")
    parser.add_argument("--seed", type=int, help="of the sampler and of every training: one of the row's (its first)")
    given, root, command = parser.parse_args(), Path.cwd(), f"python -m stages.sweep {shlex.join(sys.argv[1:])}"
    from pipeline.config.params import load_params
    from pipeline.engine.graph import repro
    from pipeline.engine.pool import Pool
    from pipeline.sweep import search, space, trials
    from pipeline.tracking.collect import collect
    from pipeline.tracking.deadline import NotProjected, project_in_time

    ranges, workers, profile = space.read_ranges(given.search), Pool(given.jobs, search.WORKER), load_params().profile
    repro(f"plan@{profile}")
    print(search.search(trials.Sweep(given.row, ranges, given.seed), given.trials, workers, command))
    try:
        print("\nMLflow runs:", project_in_time(collect(root, profile)[0], root, seconds=600))
    except NotProjected as error:
        print(f"sweep: not projected, `make track` does it later: {error}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
