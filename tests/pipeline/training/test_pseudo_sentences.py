"""Which sentences are labelled and which labels are taken, of examples written out."""

import numpy as np

from pipeline.data.token_files import make_token_set
from pipeline.training.pseudo_labels import choose_confident, list_sentences
from pipeline.training.task_data import SELECTION, TaskData


def make_data(train, dev, measured=(), used=None):
    """Of sentences, or pairs of them, as token ids between [CLS] 2 and [SEP] 3."""
    splits = {}
    for name, examples in (("train", train), ("dev", dev)):
        flat = [[2, *words, 3] for example in examples for words in example]
        labels, ids = [0.0] * len(examples), list(map(str, range(len(examples))))
        splits[name] = make_token_set(flat, labels, ids, len(examples[0]))
    indices = np.array([i for i in range(len(train)) if i not in measured] if used is None else used)
    held_out = {SELECTION: np.array(measured, int)} if measured else {}
    return TaskData("any", splits, indices, {"train": indices[:1], "dev": np.array([0]), **held_out})


def test_a_sentence_is_planted_everywhere_that_it_may_not_be():
    """Each of 11 to 18 stands in para's training set and in one place more; 20 to 23 do in none."""
    own = make_data([([11],), ([12],), ([13],)], [([14],)], measured=[1], used=[0])  # 13: beyond a cap
    pairs = make_data(
        [([11], [20]), ([12], [13]), ([14], [15]), ([16], [17]), ([18], [21]), ([20], []), ([22], [99]), ([17], [24])],
        [([15], [30])],
        measured=[7],
        used=[0, 1, 2, 3, 4, 5],
    )
    scores = make_data([([21], [23]), ([18], [16, 16])], [([16], [31])], measured=[1])
    found = list_sentences("sst", {"para": pairs, "sst": own, "sts": scores})
    assert found == [[2, 20, 3], [2, 21, 3], [2, 23, 3]]


def test_at_least_the_confidence_and_at_most_the_share_of_each_class():
    labels = np.array([0, 1, 1, 0, 1, 1, 2, 1, 3], np.float32)
    confidences = np.array([0.5, 0.9, 0.6, 0.49, 0.5, 0.9, 0.99, 0.95, 0.9], np.float32)
    own = np.array([0, 0, 0, 1, 1, 3, 3, 3], np.float32)

    def choose(**options):
        return choose_confident(labels, confidences, own, **options).tolist()

    assert choose(confidence=0.5) == [0, 1, 7, 8]  # 3 is below, 6 of a class that is not there, 1 before 5, its equal
    assert choose() == [1, 7, 8]
    assert choose(confidence=0.5, share=0.5) == [0, 7, 8]
    assert choose(confidence=0.5, share=2) == [0, 1, 2, 5, 7, 8]
    assert choose(confidence=0.95) == [7]
    assert choose(confidence=1.0) == choose(share=0.0) == []
    many = np.tile(np.array([0.9, 0.95, 0.92], np.float32), 40)
    equal = choose_confident(np.zeros(120), many, np.zeros(60), confidence=0.5)
    assert equal.tolist() == sorted([*range(1, 120, 3), *range(2, 60, 3)])
