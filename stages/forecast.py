"""Which runs `make run` would train, why, and roughly how long: `make plan`."""

from pathlib import Path

from pipeline.command import make_parser, run
from pipeline.config.params import load_params


def main() -> None:
    """Bring the plan up to date (that downloads and tokenizes what is not here), and say what it asks for."""
    parser = make_parser(__doc__, "forecast --jobs 2")
    parser.add_argument("--jobs", type=int, help="runs at a time (a run for each core, up to four)")
    arguments = parser.parse_args()
    from pipeline.engine.forecast import bring_plan, forecast
    from pipeline.engine.graph import Graph
    from pipeline.engine.parallel import default_jobs
    from pipeline.engine.view import format_minutes
    from pipeline.evaluation.precision import advise

    profile, jobs = load_params().profile, arguments.jobs or default_jobs()
    bring_plan(profile)
    with Graph(Path.cwd()) as graph:
        found = forecast(profile, graph)
    for task, reason, seconds in found.to_train:
        print(f"{task.name:<36} {format_minutes(seconds) if seconds else '':>8}  {reason}")
    seconds = found.find_seconds(jobs)
    how_long = f", about {format_minutes(seconds)} with {jobs} at a time" if seconds else ""
    for precision in sorted({task.spec["train"]["precision"] for task, _, _ in found.to_train}):
        if advice := advise(precision):
            print(advice)
    print(
        f"{len(found.to_train)} to train{how_long}; {found.num_finished} are done, {found.num_cached} in DVC's cache."
    )


if __name__ == "__main__":
    run(main)
