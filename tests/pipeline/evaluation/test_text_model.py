"""A model that takes text: the same numbers whoever else asks, and nothing for no examples."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pipeline.evaluation.evaluate import evaluate
from pipeline.evaluation.text_model import TextModel
from pipeline.files.atomic import read_json, write_json
from pipeline.training.begin import train

SENTENCES = ["A film of rare warmth .", "", "Dull , and long .", "It is what it is ."]
PAIRS = [(first, second) for first in SENTENCES for second in SENTENCES]


@pytest.fixture
def text_model(tiny, model):
    return TextModel(tiny.model(model))


def test_it_names_its_tasks_and_their_sentences(text_model):
    assert {task: len(names) for task, names in text_model.sentences.items()} == {"sst": 1, "para": 2, "sts": 2}


def test_an_example_s_number_does_not_depend_on_the_others(text_model):
    """But for the last digits: the shapes of the products are others."""
    together = text_model.predict("sts", PAIRS)
    alone = np.concatenate([text_model.predict("sts", [pair]) for pair in PAIRS])
    assert together.dtype == np.float32 and together.shape == (len(PAIRS),)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert len(set(together.tolist())) > 1


@pytest.mark.parametrize("change", [lambda text: text.replace("[UNK]", "[UKN]"), lambda text: text + "more\n"])
def test_a_vocabulary_that_does_not_fit_the_encoder_is_refused_by_name(tiny, model, change):
    path = tiny.model(model) / "vocab.txt"
    path.write_text(change(path.read_text()))
    with pytest.raises(
        ValueError, match=re.escape(f"{path}: ") + r"\d+ word pieces, with.* \[UNK\]; allowed: \d+ at most"
    ):
        TextModel(tiny.model(model))


def test_only_an_uncased_model_reads_capitals_as_small_letters(tiny, model, text_model):
    shouted = [(first.upper(), second.upper()) for first, second in PAIRS]
    expected = text_model.predict("sts", PAIRS).tolist()
    assert text_model.predict("sts", shouted).tolist() == expected
    description = read_json(tiny.model(model) / "model.json")
    description["tasks"]["sts"]["text"]["lowercase"] = False
    write_json(tiny.model(model) / "model.json", description)
    assert TextModel(tiny.model(model)).predict("sts", shouted).tolist() != expected


def test_classes_are_whole_numbers_in_their_range(text_model):
    classes = text_model.predict("sst", [(sentence,) for sentence in SENTENCES])
    assert set(classes.tolist()) <= set(range(5))


@pytest.mark.parametrize("sentence", [b"caf\xe9".decode(errors="surrogateescape"), "a \ud83d b"])
def test_what_is_no_text_is_named(text_model, sentence):
    for examples in ([("A film .", sentence)], [(sentence, "A film .")]):
        with pytest.raises(ValueError, match="is no text: bytes that are not UTF-8"):
            text_model.predict("para", examples)


def test_threads_do_not_disturb_each_other(text_model):
    """Dropout stays off, whichever thread is inside."""
    expected = text_model.predict("sts", PAIRS).tolist()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: text_model.predict("sts", PAIRS).tolist(), range(12)))
    assert answers == [expected] * 12


def test_heads_that_predict_otherwise_train_and_are_evaluated_by_their_own_rule(tiny):
    heads = {
        "sst": "ordinal",
        "para": {"pair_classify": {"compare": True, "label_smoothing": 0.1}},
        "sts": "score_distribution",
    }
    run = tiny.add_row([{"tasks": ["sst", "para", "sts"], "epochs": 1}], heads=heads, train={"regulariser": "r_drop"})
    train(run)
    scores = evaluate(run)
    assert 0 <= scores["sst.accuracy"] <= 1 and -1 <= scores["sts.pearson"] <= 1
    model = TextModel(tiny.model(run))
    sentences = [(sentence,) for sentence in SENTENCES]
    predictions, probabilities = model.predict_probabilities("sst", sentences)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    above = 1 - probabilities.cumsum(axis=1)[:, :-1]
    assert predictions.tolist() == (above > 0.5).sum(axis=1).tolist() == model.predict("sst", sentences).tolist()
    similarities, none = model.predict_probabilities("sts", PAIRS)
    assert none is None and similarities.tolist() == model.predict("sts", PAIRS).tolist()
    assert similarities.shape == (len(PAIRS),) and ((similarities > 0) & (similarities < 5)).all()
