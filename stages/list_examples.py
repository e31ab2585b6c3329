"""Write the ids of a file's examples, for `subsets` of a profile in params.yaml; no stage of the graph."""

from pathlib import Path

from pipeline.command import make_parser, output_file, run


def main() -> None:
    """As pipeline/data/subsets/quora-train-part.txt was made from quora-train-part.csv."""
    parser = make_parser(__doc__, "list_examples --task para --input quora-part.csv --output quora-part.txt")
    parser.add_argument("--task", required=True)
    parser.add_argument("--input", type=Path, required=True, metavar="CSV")
    parser.add_argument("--output", type=output_file, required=True, metavar="FILE")
    arguments = parser.parse_args()
    from pipeline.config.params import load_params
    from pipeline.data.encode_text import read_task_file
    from pipeline.data.subset import write_ids

    tasks = load_params().tasks
    if arguments.task not in tasks:
        raise ValueError(f"task {arguments.task!r} is unknown; allowed: {', '.join(tasks)}")
    task = tasks[arguments.task]
    write_ids(arguments.output, read_task_file(task, arguments.input), task.cleaning)


if __name__ == "__main__":
    run(main)
