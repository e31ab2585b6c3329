"""The table says whether a target is met; numbers are rounded wherever they stand."""

from bench.table import TARGETS, render


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
