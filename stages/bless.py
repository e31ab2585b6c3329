"""Make the present results of the profile in params.yaml the baseline that `make check` compares with."""

from pipeline.command import confirm, make_parser, run
from pipeline.config.params import load_params
from pipeline.gate.baseline import bless, folder


def main() -> None:
    """Write baseline/<profile>; git's diff of its metrics.csv is what a reviewer accepts."""
    parser = make_parser(__doc__, "bless --yes")
    parser.add_argument("--yes", action="store_true", help="do not ask, where there is a baseline already")
    yes, params = parser.parse_args().yes, load_params()
    if folder(params.profile).exists():
        confirm(f"The present results replace {folder(params.profile)}.", yes)
    blessed = bless(params)
    print(f"{blessed} holds the present results; review and commit it: git diff {blessed / 'metrics.csv'}")


if __name__ == "__main__":
    run(main)
