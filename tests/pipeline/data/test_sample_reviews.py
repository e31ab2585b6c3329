"""The sample corpus's reviews: grades that negation, degree and contrast decide, and the noise that was meant."""

from random import Random

from pipeline.data import sample_reviews
from pipeline.data.sample_reviews import ADJECTIVES, VERDICTS, write_review, write_sentence


def draw(write, num: int):
    rng = Random(3)
    return [(sentences[0], label) for sentences, label in (write(rng) for _ in range(num))]


def polarity(text: str) -> int:
    """What a bag of words sees."""
    return sum(strength for strength, words in ADJECTIVES.items() for word in words if word in text.split())


def test_the_clause_that_counts_decides(monkeypatch):
    monkeypatch.setattr(sample_reviews, "SENTENCE_NOISE", 0.0)
    decided = 0
    for text, grade in draw(write_sentence, 4000):
        for joint, deciding in ((" , but ", 1), (" , even if ", 0)):
            clauses = text.split(joint)
            if len(clauses) == 2 and clauses[deciding].split(" is ")[1].startswith(("truly", "utterly")):
                decided += 1
                assert (grade > 2) == (polarity(clauses[deciding]) > 0)
    assert decided > 50


def test_a_review_holds_one_verdict_that_agrees_but_for_the_noise():
    agrees = 0
    for text, label in draw(write_review, 1000):
        found = [sign for sign, verdicts in VERDICTS.items() for verdict in verdicts if verdict in text]
        assert len(found) == 1
        agrees += found[0] == 2 * label - 1
    assert abs(agrees / 1000 - (1 - sample_reviews.REVIEW_NOISE)) < 0.03
