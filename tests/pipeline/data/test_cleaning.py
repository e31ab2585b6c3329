"""The course's two cleanings, against its own expressions."""

import pytest

from pipeline.data.cleaning import CLEANINGS

TRICKY = ["", " It 's  A\tFilm . ", "What's up?Is 1,000 == 1.000?", "É\u00a0À ''Ok''", "a\nb ... c", "NA"]


@pytest.mark.parametrize("text", TRICKY)
def test_sentence_is_lower_and_strip(text):
    assert CLEANINGS["sentence"](text) == text.lower().strip()


@pytest.mark.parametrize("text", TRICKY)
def test_pair_is_the_courses_preprocess_string(text):
    spaced = text.lower().replace(".", " .").replace("?", " ?").replace(",", " ,").replace("'", " '")
    assert CLEANINGS["pair"](text) == " ".join(spaced.split())


def test_golden_values():
    assert CLEANINGS["pair"]("What's up?Is 1,000 ok. ") == "what 's up ?is 1 ,000 ok ."
    assert CLEANINGS["sentence"](" It's UP. ") == "it's up."
    assert CLEANINGS["none"](" It's UP. ") == " It's UP. "


def test_a_cased_vocabulary_keeps_upper_case():
    assert CLEANINGS["pair"]("What's UP? ", False) == "What 's UP ?"
    assert CLEANINGS["sentence"](" It's UP. ", False) == "It's UP."
