"""The gate and the tables on simulated retrains: `python -m stages.calibrate [--coverage] [--tables 400]`."""

from pipeline.command import make_parser, run
from pipeline.config.params import load_params
from pipeline.gate.comparison import expectations
from studies import coverage, gate
from studies.retrains import at_measured_noise
from studies.seed_noise import MEASURED


def main() -> None:
    """Print markdown: false alarms and power of the gate, or what the tables' intervals hold."""
    parser = make_parser(__doc__, "calibrate --tables 400 --seeds 3 5")
    parser.add_argument("--coverage", action="store_true", help="of the tables' intervals, instead of the gate")
    parser.add_argument("--tables", type=int, default=400, help="simulated tables for each figure")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="of each side")
    parser.add_argument("--noise", type=float, default=1.0, help="times the seeds' standard deviation")
    parser.add_argument("--unlike", type=float, default=0.0, help="how far rows differ in that, on a log scale")
    parser.add_argument("--related", type=float, default=0.0, help="the gate: how seeds correlate from row to row")
    parser.add_argument("--mix", choices=coverage.MIXES, default="mixed", help="of --coverage: which rows share seeds")
    parser.add_argument("--drop", type=float, default=2.0, help="in margins, where there is one")
    arguments = parser.parse_args()
    tasks, tables = at_measured_noise(MEASURED), arguments.tables
    kind = {"noise": arguments.noise, "unlike": arguments.unlike, "tasks": tasks}
    header = ["seeds", *(coverage if arguments.coverage else gate).HEADER]
    print(f"| {' | '.join(header)} |\n|{' ---: |' * len(header)}")
    gate_kind = (*expectations(load_params().gate, tasks), arguments.drop)
    for seeds in arguments.seeds:
        if arguments.coverage:
            shares = coverage.measure_coverage(tables, seeds, mix=arguments.mix, **kind)
        else:
            shares = gate.measure_gate(tables, seeds, *gate_kind, related=arguments.related, **kind)
        print(f"| {' | '.join([str(seeds), *(f'{share:.1%}'.replace('nan%', '') for share in shares)])} |", flush=True)
    if not arguments.coverage:
        print(gate.find_seeds(tables, *gate_kind, related=arguments.related, **kind), "seeds catch four of five")


if __name__ == "__main__":
    run(main)
