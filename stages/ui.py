"""Open the window on the runs: `python -m stages.ui [--port 5000]` projects, serves MLflow and follows live runs."""

import signal
import sys
from pathlib import Path

from pipeline.command import make_parser, run

SECONDS_BETWEEN_LOOKS = 5


def main() -> int:
    """Serve until Ctrl-C (exit 0); exit 1 when the store is out of reach or the server does not stay up."""
    parser = make_parser("MLflow on the run records, live.", "ui --port 5000")
    parser.add_argument("--port", type=int, default=5000)
    port, root = parser.parse_args().port, Path.cwd()
    from pipeline.tracking.pages import list_pages
    from pipeline.tracking.server import HOST, Follower, follow_until, serve

    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
    try:
        follower = Follower(root)
        problems = follower.follow()
        server = f"http://{HOST}:{port}"
        pages = list(list_pages(root, server, follower.indexes))
        with serve(root, port) as process:
            print(f"MLflow: {server}/  (Ctrl-C stops it)", *pages, sep="\n  ", flush=True)
            for problem in (*problems, *follow_until(process, follower, SECONDS_BETWEEN_LOOKS)):
                print(f"ui: {problem}", file=sys.stderr)
        print(f"ui: MLflow's server ended with exit code {process.returncode}", file=sys.stderr)
    except KeyboardInterrupt:
        return 0
    return 1


if __name__ == "__main__":
    run(main)
