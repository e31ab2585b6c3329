"""The gate and the tables on simulated retrains: `python -m stages.calibrate [--coverage] [--tables 400]`."""

import argparse

from pipeline.config.params import load_params
from pipeline.gate.comparison import expectations
from studies import coverage, gate
from studies.retrains import TASKS


def main() -> None:
    """Print a markdown table: false alarms and power of the gate, or what the tables' intervals hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--coverage", action="store_true", help="of the tables' intervals, instead of the gate")
    parser.add_argument("--tables", type=int, default=400, help="simulated tables for each figure")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="of each side")
    parser.add_argument("--noise", type=float, default=1.0, help="times the seeds' standard deviation")
    parser.add_argument("--unlike", type=float, default=0.0, help="how far rows differ in that, on a log scale")
    parser.add_argument("--drop", type=float, default=2.0, help="in margins, where there is one")
    arguments = parser.parse_args()
    kind = {"noise": arguments.noise, "unlike": arguments.unlike}
    expected = expectations(load_params().gate, TASKS)
    header = ["seeds", *(coverage if arguments.coverage else gate).HEADER]
    print(f"| {' | '.join(header)} |\n|{' ---: |' * len(header)}")
    for seeds in arguments.seeds:
        if arguments.coverage:
            shares = coverage.measure_coverage(arguments.tables, seeds, **kind)
        else:
            shares = gate.measure_gate(arguments.tables, seeds, *expected, drop=arguments.drop, **kind)
        print(f"| {' | '.join([str(seeds), *(f'{share:.1%}' for share in shares)])} |", flush=True)


if __name__ == "__main__":
    main()
