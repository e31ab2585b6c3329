"""Which values of a JSON file a form lets through."""

import math

import pytest

from pipeline.files import forms

BIG = 10**400  # JSON has it, a float does not


@pytest.mark.parametrize(
    ("form", "allowed", "refused"),
    [
        (forms.number(), [0, 1, -2, 0.5, -1e300], [True, "1", None, math.nan, math.inf, BIG, [1]]),
        (forms.number(0, 1), [0, 1, 0.0, 1.0, 0.5], [-1, 2, -0.1, 1.1]),
        (forms.whole(), [0, -3], [1.0, False, "3", BIG]),
        (forms.whole(1, 3), [1, 3], [0, 4]),
        (forms.boolean(), [True, False], [0, 1, None]),
        (forms.optional(forms.whole(1)), [None, 1], [0, ""]),
        (forms.either(forms.boolean(), forms.whole(2)), [True, 2], [1, None]),
        (forms.text("[a-z]+"), ["abc"], ["", "abc\n", "A", 1]),
        (forms.one_of("mean", "cls"), ["mean"], ["me", "", None]),
        (forms.list_of(forms.whole(), 1, 2), [[1], [1, 2]], [[], [1, 2, 3], [1, "2"], {}]),
    ],
)
def test_a_form_lets_through_what_it_says(form, allowed, refused):
    assert [found for found in allowed if form(found, "key") is not None] == []
    for found in refused:
        assert form(found, "key").startswith("key"), found
