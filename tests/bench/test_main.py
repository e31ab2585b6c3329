"""A whole measurement on the tiny inputs: the last line of standard output is json with the numbers that count."""

import json

import pytest

from bench.__main__ import main
from bench.limit import CACHED, LARGE
from bench.steps import list_contenders, summarise
from bench.timing import Sample
from pipeline.files.atomic import read_json

RATIOS = {
    "pcgrad_vs_course",
    "pcgrad_vs_best_peer",
    "sum_vs_course",
    "sum_vs_best_peer",
    "share_of_limit",
    "pcgrad_over_sum_time",
    "pcgrad_over_sum_memory",
}
THROUGHPUT = {"evaluation_tokens_per_second", "frozen_encoding_tokens_per_second", "frozen_step_ms"}
GROWTH = {"us_per_token_by_batch_size", "us_per_token_by_num_tasks", "peak_mib_by_num_tasks"}


@pytest.fixture(autouse=True)
def small_limit(monkeypatch):
    for sizes in (LARGE, CACHED):
        monkeypatch.setitem(sizes, "cpu", (64, 128))


def test_the_last_line_is_json(inputs_folder, tmp_path, monkeypatch, capsys, local_worker):
    monkeypatch.chdir(tmp_path)
    options = ["--rounds", "1", "--seconds", "0", "--devices", "cpu", "--inputs", str(inputs_folder)]
    main([*options, "--only", "step", "growth", "throughput", "--output", "results.json"], start=local_worker)
    *table, last = capsys.readouterr().out.splitlines()
    numbers = json.loads(last)["cpu"]
    assert set(numbers) >= RATIOS | THROUGHPUT | GROWTH
    assert all(numbers[name] > 0 for name in RATIOS | THROUGHPUT)
    assert list(numbers["us_per_token_by_num_tasks"]) == ["1", "2", "3", "4", "5"]
    assert any("pcgrad_vs_course" in line for line in table)
    written = read_json(tmp_path / "results.json")
    assert written["numbers"]["cpu"] == numbers and len(written["samples"]["cpu"]["course sum"]) == 1


def test_ratios_say_how_many_times_faster():
    seconds = {"ours pcgrad bf16": 1.0, "ours sum bf16": 0.8, "ours pcgrad fp32": 2.0, "course pcgrad": 12.0}
    seconds |= {"course sum": 8.0, "limit bf16": 0.5, "limit fp32": 1.0}
    seconds |= {"limit cached": 0.25, "peer pcgrad bf16": 3.0, "peer sum bf16": 2.5, "peer sum fp32": 2.0}
    seconds |= {"peer pcgrad fp32": 4.0}
    assert set(seconds) == set(list_contenders("bf16"))
    peaks = {"ours pcgrad bf16": 3 * 2**20, "ours sum bf16": 2 * 2**20}
    samples = {name: [Sample(each, 10, 100, peaks.get(name, 2**20))] for name, each in seconds.items()}
    numbers = summarise(samples, "bf16")
    assert {name: numbers[name] for name in RATIOS} == pytest.approx(
        {
            "pcgrad_vs_course": 12.0,
            "pcgrad_vs_best_peer": 3.0,
            "sum_vs_course": 10.0,
            "sum_vs_best_peer": 2.5,
            "share_of_limit": 0.5,
            "pcgrad_over_sum_time": 1.25,
            "pcgrad_over_sum_memory": 1.5,
        }
    )
    assert (
        numbers["share_of_limit_cached"] == 0.25
        and numbers["pcgrad_fp32_vs_course"] == 6.0
        and numbers["ours_sum_bf16_peak_mib"] == 2.0
    )
