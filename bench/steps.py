"""The phase-2 step of the project, of the course-style stack and of the strongest ordinary one, and the limit."""

from collections.abc import Mapping
from statistics import median

from bench.timing import (
    Description,
    Samples,
    median_seconds,
    peak_bytes,
    ratio_of_rates,
    ratio_of_seconds,
    tokens_per_second,
)

COMBINES = ("pcgrad", "sum")


def list_contenders(precision: str) -> dict[str, Description]:
    """All that take turns, ours and the peer in fp32 and in `precision`: a peer's better one is what counts."""
    contenders = {}
    for each in dict.fromkeys((precision, "fp32")):
        contenders[f"limit {each}"] = Description("limit", precision=each)
        contenders[f"ours pcgrad {each}"] = Description("ours", "pcgrad", each)
        for combine in COMBINES:
            contenders[f"peer {combine} {each}"] = Description("peer", combine, each)
    contenders["limit cached"] = Description("limit_cached", precision=precision)
    contenders[f"ours sum {precision}"] = Description("ours", "sum", precision)
    for combine in COMBINES:
        contenders[f"course {combine}"] = Description("course", combine)
    return contenders


def summarise(samples: Mapping[str, Samples], precision: str) -> dict[str, float]:
    """The ratios that count, above 1 where the project is faster, and the times and memory behind them.

    Of a stack that is not available there is no number.
    """
    pcgrad, total = samples[f"ours pcgrad {precision}"], samples[f"ours sum {precision}"]
    fp32 = samples["ours pcgrad fp32"]
    numbers = {
        "share_of_limit": ratio_of_rates(pcgrad, samples[f"limit {precision}"]),
        "share_of_limit_cached": ratio_of_rates(pcgrad, samples["limit cached"]),
        "share_of_limit_fp32": ratio_of_rates(fp32, samples["limit fp32"]),
        "pcgrad_over_sum_time": ratio_of_seconds(pcgrad, total),
        "pcgrad_over_sum_memory": peak_bytes(pcgrad) / peak_bytes(total),
    }
    for name, stack in (("course", "course"), ("best_peer", "peer")):
        for combine, ours in (("pcgrad", pcgrad), ("sum", total)):
            if theirs := [each for contender, each in samples.items() if contender.startswith(f"{stack} {combine}")]:
                numbers[f"{combine}_vs_{name}"] = ratio_of_seconds(min(theirs, key=median_seconds), ours)
    if "course pcgrad" in samples:
        numbers["pcgrad_fp32_vs_course"] = ratio_of_seconds(samples["course pcgrad"], fp32)
    for name, each in samples.items():
        key = name.replace(" ", "_")
        if name.startswith("limit"):
            numbers[f"{key}_gflops"] = median(sample.rate for sample in each) / 1e9
        else:
            numbers[f"{key}_ms"] = 1e3 * median_seconds(each)
            numbers[f"{key}_tokens_per_second"] = tokens_per_second(each)
            numbers[f"{key}_peak_mib"] = peak_bytes(each) / 2**20
    return numbers
