"""`python -m bench`: measure, print a table, write json, and print the same numbers as json on the last line.

A machine without the packages that read params.yaml takes a folder prepared elsewhere: see bench.prepare, --inputs.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench import graph, growth, imports, neighbours, records, steps, throughput
from bench.inputs import ENCODER, SPEC
from bench.table import render, render_markdown, round_all
from bench.timing import Description, Samples
from bench.worker import Worker, measure_together
from pipeline.files.atomic import read_json, write_json, write_text
from pipeline.runs.environment import environment
from pipeline.runs.layout import WORK

PARTS = ("step", "growth", "throughput", "neighbours", "records", "imports", "graph")
RESULTS = Path("results") / "bench" / "speed.json"  # and speed.md beside it, which the README shows
NUM_ROUNDS = 9  # odd, so that a median is one that was measured

Start = Callable[[Description, Path, str], Worker]


def main(arguments: Sequence[str] | None = None, start: Start = Worker) -> None:
    """Measure what the command line says; a complete run writes results/bench/, a part only with --output."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, help="only these parts")
    parser.add_argument("--rounds", type=int, default=NUM_ROUNDS)
    parser.add_argument("--seconds", type=float, default=1.0, help="of stepping in a measurement, at least one step")
    parser.add_argument("--inputs", type=Path, help="a folder that bench.prepare wrote")
    parser.add_argument("--devices", nargs="+", choices=("cpu", "cuda"), help="default: the CPU, and a GPU if there")
    parser.add_argument("--output", type=Path, help="where the json goes")
    options = parser.parse_args(arguments)
    root = Path.cwd()
    session = Session(options, root, root / WORK / "bench", start)
    session.measure_all()
    print("\n\n".join(render(device, numbers) for device, numbers in session.numbers.items()))
    output = options.output
    if output is None and not (options.only or options.inputs or options.devices):
        output = RESULTS
    if output:
        write_json(output, round_all(session.describe()))
        write_text(output.with_suffix(".md"), render_markdown(session.numbers))
    print(json.dumps(round_all(session.numbers)))


class Session:
    """One run: `numbers` by device, and the `samples` that they are the medians of."""

    def __init__(self, options: argparse.Namespace, root: Path, work: Path, start: Start) -> None:
        self.options, self.root, self.work, self.start = options, root, work, start
        self.parts = options.only or PARTS
        self.numbers: dict[str, dict[str, Any]] = {}
        self.samples: dict[str, dict[str, Samples]] = {}

    def measure_all(self) -> None:
        inputs = self.options.inputs or self._prepare("inputs")
        devices = self.options.devices or ["cpu"]
        if not self.options.devices and self._ask_machine(inputs, "cpu")["has_cuda"]:
            devices = ["cpu", "cuda"]
        for device in devices:
            self._measure_device(device, inputs, device)
        if "cuda" in devices and not self.options.inputs:
            self._measure_device(
                "cuda_bert_base", self._prepare("bert_base", encoder="bert_base", weights=False), "cuda"
            )
        if "cpu" in devices:
            self._measure_machine(inputs)

    def describe(self) -> dict[str, Any]:
        """Numbers, samples (seconds, tokens, operations, peak bytes) and where they were measured."""
        machine = {key: value for key, value in environment().items() if key != "command"}
        return {"machine": machine, "numbers": self.numbers, "samples": self.samples}

    def _prepare(self, name: str, **encoder: Any) -> Path:
        from bench.prepare import prepare

        return prepare(self.work / name, self.root, **encoder)

    def _ask_machine(self, inputs: Path, device: str) -> dict[str, Any]:
        draw_missing_weights(inputs)
        with self.start(Description("limit"), inputs, device) as worker:
            return worker.wait()

    def _measure_device(self, name: str, inputs: Path, device: str) -> None:
        """The parts that a device has of its own."""
        machine, spec = self._ask_machine(inputs, device), read_json(inputs / SPEC)
        precision = "bf16" if machine["bf16_over_fp32"] > 1 else "fp32"
        numbers: dict[str, Any] = {
            "device": machine["name"],
            "num_threads": machine["num_threads"],
            "precision": precision,
            "bf16_over_fp32": machine["bf16_over_fp32"],
            "encoder": f"{spec['encoder']['name']}, {spec['encoder']['weights']} weights",
            "data": spec["profile"],
            "rounds": self.options.rounds,
        }
        self.numbers[name], self.samples[name] = numbers, {}
        series = {"step": steps, "growth": growth, "throughput": throughput}
        for part, module in series.items():
            if part in self.parts:
                num_rounds = self.options.rounds if part == "step" else max(1, self.options.rounds // 3)
                samples = measure_together(
                    module.list_contenders(precision), inputs, device, num_rounds, self.options.seconds, self.start
                )
                numbers |= module.summarise(samples, precision)
                self.samples[name] |= samples

    def _measure_machine(self, inputs: Path) -> None:
        """The parts that the machine has once."""
        numbers, num_rounds = self.numbers["cpu"], self.options.rounds
        if "neighbours" in self.parts:
            place = (numbers["precision"], inputs, "cpu", max(1, num_rounds // 3), self.options.seconds, self.start)
            samples = neighbours.measure(*place)
            numbers |= neighbours.summarise(samples)
            self.samples["cpu"] |= samples
        if "throughput" in self.parts and not self.options.inputs:
            numbers |= throughput.measure_tokenizing(inputs, self.root, num_rounds)
        if "records" in self.parts:
            if "step" in self.parts:
                seconds = numbers[f"ours_pcgrad_{numbers['precision']}_ms"] / 1e3
                log_every = read_json(inputs / SPEC)["train"]["log_every"]
                numbers |= records.measure_event_file(log_every, seconds, num_rounds)
            numbers |= records.measure_projection()
        if "imports" in self.parts:
            numbers |= imports.measure_imports(self.root, num_rounds)
        if "graph" in self.parts:
            numbers |= graph.measure_no_op(self.root, self.work, num_rounds)


def draw_missing_weights(inputs: Path) -> None:
    """Random ones, where the inputs came without: they serve for time."""
    if not (inputs / ENCODER / "model.safetensors").exists():
        from bench.models import draw_weights

        draw_weights(inputs)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"bench: {error}")
