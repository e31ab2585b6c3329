"""Throughput beside the training step: evaluation, the frozen encoder, tokenising."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from time import perf_counter

from bench.inputs import ENCODER, SPEC
from bench.timing import Description, Samples, median_seconds, tokens_per_second
from pipeline.files.atomic import read_json

NUM_EXAMPLES = 256  # of each task in one evaluation; the shortest and the longest sentences are apart then


def list_contenders(precision: str) -> dict[str, Description]:
    return {
        "evaluation": Description("evaluation", precision=precision, batch_size=NUM_EXAMPLES),
        "frozen_encoding": Description("frozen_encoding", precision=precision, batch_size=NUM_EXAMPLES),
        "frozen_step": Description("ours_frozen", precision=precision),
    }


def summarise(samples: Mapping[str, Samples], precision: str) -> dict[str, float]:
    return {
        "evaluation_tokens_per_second": tokens_per_second(samples["evaluation"]),
        "frozen_encoding_tokens_per_second": tokens_per_second(samples["frozen_encoding"]),
        "frozen_step_ms": 1e3 * median_seconds(samples["frozen_step"]),
    }


def measure_tokenizing(inputs: Path, root: Path, num_rounds: int) -> dict[str, float]:
    """Cleaning and tokenising the sentences of the inputs, read already; the tokens counted are those that come out."""
    from bench.prepare import read_corpus, tokenize_corpus  # a borrowed machine need not have what they need
    from pipeline.config.params import load_params

    profile = read_json(inputs / SPEC)["profile"]
    params = load_params(root / "params.yaml")
    corpus = read_corpus(params, profile, root)
    rates = []
    for _ in range(num_rounds):
        start = perf_counter()
        tokenized = tokenize_corpus(corpus, params, profile, inputs / ENCODER / "vocab.txt")
        seconds = perf_counter() - start
        rates.append(sum(len(ids) for task in tokenized.values() for ids in task.ids) / seconds)
    return {"tokenizing_tokens_per_second": median(rates)}
