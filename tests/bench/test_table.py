"""The table says whether a target is met; numbers are rounded wherever they stand."""

from bench.table import TARGETS, render, render_markdown, round_all


def test_a_target_says_whether_it_is_met():
    text = render(
        "cpu", {"other": 1234.5, "share_of_limit": 0.49, "pcgrad_over_sum_time": 1.1, "pcgrad_vs_course": 11.0}
    )
    first, *lines = text.splitlines()
    assert first == "cpu:"
    assert [line.split()[0] for line in lines] == [
        "pcgrad_vs_course",
        "share_of_limit",
        "pcgrad_over_sum_time",
        "other",
    ]
    assert [line.partition("(")[2] for line in lines] == [
        "target >= 11: met)",
        "target >= 0.5: MISSED)",
        "target <= 1.1: met)",
        "",
    ]


def test_targets_are_for_the_cpu():
    assert "target" not in render("cuda", dict.fromkeys(TARGETS, 1.0))


def test_nested_numbers_are_shown_and_rounded():
    assert "8: 0.500, 16: 2,000" in render("cpu", {"by_size": {"8": 0.5, "16": 2000.0}})
    assert round_all({"a": [1.23456, {"b": 123456.7}], "c": 7, "d": "x"}) == {
        "a": [1.235, {"b": 123500.0}],
        "c": 7,
        "d": "x",
    }


def test_markdown_holds_every_number_and_what_it_aims_at():
    lines = render_markdown(
        {"cpu": {"other": 1234.5, "share_of_limit": 0.25}, "cuda": {"share_of_limit": 0.5}}
    ).splitlines()
    assert lines == [
        "| cpu | measured | aimed at |",
        "|---|---:|---:|",
        "| `share_of_limit` | 0.250 | ≥ 0.5 |",
        "",
        "<details><summary>cpu: 1 more figures</summary>",
        "",
        "| | measured |",
        "|---|---:|",
        "| `other` | 1,234 |",
        "",
        "</details>",
        "",
        "<details><summary>cuda: 1 more figures</summary>",
        "",
        "| | measured |",
        "|---|---:|",
        "| `share_of_limit` | 0.500 |",
        "",
        "</details>",
    ]
