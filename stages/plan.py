"""Stage plan: check every row of params.yaml and write a complete run file for each (phase, row, seed)."""

from pipeline.command import make_parser, run
from pipeline.files.parent import end_with_parent


def main() -> None:
    """Write the plan of a profile; whatever is wrong with params.yaml is an error here, before anything trains."""
    parser = make_parser(__doc__, "plan --profile sample")
    parser.add_argument("--profile", required=True)
    profile = parser.parse_args().profile
    from pipeline.config.params import load_params
    from pipeline.config.plan import write_plan

    write_plan(load_params(), profile)


if __name__ == "__main__":
    end_with_parent()
    run(main)
