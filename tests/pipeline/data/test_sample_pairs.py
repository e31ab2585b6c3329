"""The sample corpus's pairs: near misses that words do not give away, and scores that follow the edits."""

from random import Random

from pipeline.data import sample_pairs
from pipeline.data.sample_pairs import ENTITIES, RELATIONS, write_question_pair, write_scene_pair


def overlap(first: str, second: str) -> float:
    words = [set(text.lower().rstrip("?.").replace(",", "").split()) for text in (first, second)]
    return len(words[0] & words[1]) / len(words[0] | words[1])


def draw(write, num: int):
    rng = Random(3)
    return [write(rng) for _ in range(num)]


def test_near_misses_share_as_many_words_as_paraphrases(monkeypatch):
    monkeypatch.setattr(sample_pairs, "QUESTION_NOISE", 0.0)
    pairs = draw(write_question_pair, 2000)
    means = {}
    for label in (0.0, 1.0):
        overlaps = [overlap(*sentences) for sentences, found in pairs if found == label]
        means[label] = sum(overlaps) / len(overlaps)
    assert abs(means[0.0] - means[1.0]) < 0.1


def test_some_questions_that_differ_have_the_very_same_words(monkeypatch):
    monkeypatch.setattr(sample_pairs, "QUESTION_NOISE", 0.0)
    turned = [pair for pair, label in draw(write_question_pair, 2000) if overlap(*pair) == 1.0 and label == 0.0]
    assert len(turned) > 20
    assert all(first != second for first, second in turned)


def test_the_noise_is_what_it_says(monkeypatch):
    monkeypatch.setattr(sample_pairs, "DUPLICATE_SHARE", 0.0)
    positive = sum(label for _, label in draw(write_question_pair, 2000)) / 2000
    assert abs(positive - sample_pairs.QUESTION_NOISE) < 0.02


def test_every_wording_of_a_relation_names_the_same_entities():
    for kind, relations in RELATIONS.items():
        assert len(ENTITIES[kind]) == len(set(ENTITIES[kind])) >= 3
        for wordings in relations:
            assert len({(wording.count("{a}"), wording.count("{b}")) for wording in wordings}) == 1


def test_a_scene_told_twice_scores_high_and_each_edit_costs(monkeypatch):
    monkeypatch.setattr(sample_pairs, "SCORE_JITTER", 0.0)
    pairs = draw(write_scene_pair, 2000)
    scores = [score for _, score in pairs]
    unchanged = [sentences for sentences, score in pairs if score == 5.0]
    negated = [score for (first, second), score in pairs if "is not" in second and "is not" not in first]
    # One edit in some 20 finds what it would change gone, at no cost: then the scene is a word or two shorter.
    assert len(unchanged) > 150
    assert max(negated) <= 5.0 - sample_pairs.COSTS["negate"] + 0.11
    assert min(scores) >= 0.0
    assert all(overlap(*sentences) < 0.8 for sentences, score in pairs if score < 1.0)


def test_scores_are_steps_of_a_fifth_with_jitter():
    scores = {score for _, score in draw(write_scene_pair, 2000)}
    assert scores == {round(step / 5, 1) for step in range(26)}
