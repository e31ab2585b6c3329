"""What `dvc repro` does, with several runs at a time. Interrupted or killed, the same command resumes."""

import sys
from pathlib import Path

from pipeline.command import make_parser, run
from pipeline.config.params import load_params


def main() -> int:
    """Exit 1 if a run failed (the others finish)."""
    parser = make_parser(__doc__, "repro --jobs 2")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--jobs", type=int, help="runs at a time (a run for each core, up to four)")
    where.add_argument("--address", help="a Ray cluster: host:port, auto, or local, a new one (docs/cluster.md)")
    arguments = parser.parse_args()
    from pipeline.engine.cluster import Cluster, connect
    from pipeline.engine.graph import Graph, repro
    from pipeline.engine.parallel import Parallel, read_last_lines
    from pipeline.engine.pool import Pool

    profile, address = load_params().profile, arguments.address
    repro(f"plan@{profile}")
    ray = connect(address) if address else None
    with Graph(Path.cwd(), is_shared=bool(ray)) as graph:
        workers = Cluster(ray, profile, graph) if ray else Pool(arguments.jobs)
        outcome = Parallel(profile, graph, workers).run()
    for name, log in outcome.failed.items():
        print(f"\n{name} failed; the end of {log}:\n{read_last_lines(log)}", file=sys.stderr)
    if not outcome.failed:
        repro()
    return int(bool(outcome.failed))


if __name__ == "__main__":
    run(main)
