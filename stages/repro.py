"""What `dvc repro` does, with several runs at a time. Interrupted or killed, the same command resumes."""

import signal
import sys
from pathlib import Path

from pipeline.command import make_parser, run
from pipeline.config.params import load_params


def main() -> int:
    """Exit 1 if a run failed (the others finish), 130 after an interrupt."""
    parser = make_parser(__doc__, "repro --jobs 2")
    parser.add_argument("--jobs", type=int, help="runs at a time (a run for each core, up to four)")
    arguments = parser.parse_args()
    if arguments.jobs is not None and arguments.jobs < 1:
        parser.error(f"--jobs {arguments.jobs}: allowed: 1 or more")
    from pipeline.engine.graph import Graph, repro
    from pipeline.engine.parallel import Parallel, default_jobs, read_last_lines

    profile = load_params().profile
    repro(f"plan@{profile}")
    with Graph(Path.cwd()) as graph:
        parallel = Parallel(profile, arguments.jobs or default_jobs(), graph)
        before = {number: signal.signal(number, parallel.interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        outcome = parallel.run()
        for number, handler in before.items():
            signal.signal(number, handler)
    if outcome.is_interrupted:
        print("\nrepro: interrupted; the same command resumes from the last checkpoints", file=sys.stderr)
        return 128 + signal.SIGINT
    for name, log in outcome.failed.items():
        print(f"\n{name} failed; the end of {log}:\n{read_last_lines(log)}", file=sys.stderr)
    if not outcome.failed:
        repro()
    return int(bool(outcome.failed))


if __name__ == "__main__":
    run(main)
