"""Serve a registered model over http: `python -m stages.serve [--alias champion] [--port 5001]`; no stage."""

from pathlib import Path

from pipeline.command import make_parser, run


def main() -> None:
    """Serve until Ctrl-C: POST /invocations takes {"dataframe_records": [{"sentence1": ..., "sentence2": ...}]}."""
    parser = make_parser(__doc__, "serve --alias candidate --port 5001")
    parser.add_argument("--profile", help="the one in params.yaml")
    parser.add_argument("--alias", default="champion", help="which version: champion or candidate")
    parser.add_argument("--port", type=int, default=5001)
    parser.add_argument("--allowed-hosts", nargs="+", default=[], metavar="NAME", help="beside localhost")
    arguments = parser.parse_args()
    from pipeline.config.params import load_params
    from pipeline.serving.server import run_server

    profile = arguments.profile or load_params().profile
    run_server(profile, arguments.alias, arguments.port, Path.cwd(), arguments.allowed_hosts)


if __name__ == "__main__":
    run(main)
