"""Every augmentation by contract; the operations by their rates; in training alone, by draws of step and task."""

import numpy as np
import pytest
import torch

from model.registry import find_option_faults
from pipeline.data.vocabulary import read_vocabulary
from pipeline.evaluation.saved_model import build_model
from pipeline.runs import layout
from pipeline.runs.code import entries_of_run
from pipeline.training.augmentation import AUGMENTATIONS, make_augmentation
from pipeline.training.begin import train
from pipeline.training.sources.finetuned import Source
from pipeline.training.task_data import make_source, read_task_data
from tests.tiny import ENCODER, PROFILE

WORDS = [[5], [6, 7], [8], [9, 10, 11], [12], [13], [14], [15]]


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_version_has_words_of_the_sentence_no_more_pieces_and_depends_on_the_generator_alone(name):
    augment, before, differing = AUGMENTATIONS[name], str(WORDS), 0
    assert find_option_faults(augment, augment.__kwdefaults__ or {}) == []
    for seed in range(200):
        found = augment(WORDS, rng(seed))
        assert str(WORDS) == before and found == augment(WORDS, rng(seed))
        assert found and sum(map(len, found)) <= sum(map(len, WORDS))
        differing += found != WORDS
        assert augment([[5, 6]], rng(seed)) == [[5, 6]]
    assert differing > 20


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_whole_words_move_and_the_special_tokens_stay(name, tmp_path):
    pieces = ["[CLS]", "[SEP]", "play", "##ing", "chess", "##\u2028", "is", "fun", "."]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    assert read_vocabulary(tmp_path / "vocab.txt") == pieces
    augment = make_augmentation(name, tmp_path / "vocab.txt")
    versions = {tuple(augment([0, 2, 3, 4, 5, 6, 7, 8, 1], rng(seed))) for seed in range(300)}
    assert len(versions) > 2
    for first, *inner, last in versions:
        assert (first, last) == (0, 1) and inner
        assert all((piece == 3) == (before == 2) for before, piece in zip([0, *inner], inner, strict=False))
        assert all((piece == 5) == (before == 4) for before, piece in zip([0, *inner], inner, strict=False))
    assert augment([0, 1], rng()) == [0, 1] and augment([0, 3, 1], rng()) == [0, 3, 1]


def eda(seed, words=WORDS, **options):
    return AUGMENTATIONS["eda"](words, rng(seed), **options)


def test_eda_deletes_words_at_its_rate_and_keeps_one():
    lengths = [len(eda(seed, delete=0.3, swap=0.0)) for seed in range(2000)]
    assert abs(np.mean(lengths) - 0.7 * len(WORDS)) < 4 * (len(WORDS) * 0.21 / 2000) ** 0.5
    assert all(eda(seed, delete=0.5, swap=0.0) == [w for w in WORDS if w in eda(seed, delete=0.5, swap=0.0)]
               for seed in range(50))  # fmt: skip
    left = {str(eda(seed, delete=1.0, swap=0.0)) for seed in range(200)}
    assert left == {str([word]) for word in WORDS}


def test_eda_swaps_a_binomial_number_of_pairs():
    """After an odd number of swaps the order is an odd permutation: of 3 words (1 - (1 - 2 rate)^3) / 2 of the time."""
    words, rate = [[1], [2], [3]], 0.2
    odd = [[[2], [1], [3]], [[1], [3], [2]], [[3], [2], [1]]]
    found = np.mean([eda(seed, words, swap=rate, delete=0.0) in odd for seed in range(2000)])
    expected = (1 - (1 - 2 * rate) ** 3) / 2
    assert abs(found - expected) < 4 * (expected * (1 - expected) / 2000) ** 0.5
    for seed in range(50):
        assert sorted(eda(seed, swap=0.5, delete=0.0)) == sorted(WORDS)


def test_eda_does_one_of_the_two_at_a_time_each_as_often():
    versions = [eda(seed, swap=1.0, delete=0.9) for seed in range(1000)]
    shorter = [version for version in versions if len(version) < len(WORDS)]
    assert abs(len(shorter) / 1000 - 0.5) < 0.07
    assert all(version == [word for word in WORDS if word in version] for version in shorter)
    assert eda(0, swap=0.0, delete=0.0) == WORDS


@pytest.fixture
def spec(tiny):
    leg = {"tasks": ["sst", "sts"], "epochs": 1}
    return tiny.add_row([leg, {"tasks": ["sst"], "epochs": 1, "encoder": "frozen"}], train={"augmentation": "eda"}).spec


def test_only_what_a_step_takes_is_augmented(spec, tiny):
    data = {task: read_task_data(task, spec, tiny.root) for task in ("sst", "sts")}
    model = build_model(spec, 0, tiny.root).eval()
    fine_tuned, frozen = (make_source(spec, leg, model, data) for leg in (0, 1))
    indices = data["sst"].train_indices[:8]
    plain, again, other = (fine_tuned.output("sst", indices, draw=draw)[0] for draw in (None, 1, 2))
    assert torch.equal(again, fine_tuned.output("sst", indices, draw=1)[0])
    assert not torch.equal(plain, again) and not torch.equal(again, other)
    bare = make_source(spec, 0, model, {task: read_task_data(task, without(spec), tiny.root) for task in data})
    assert torch.equal(bare.output("sst", indices, draw=1)[0], plain)
    for split, chosen in (("train", indices), ("dev", data["sst"].measured["dev"])):
        assert np.array_equal(fine_tuned.predict("sst", split, chosen), bare.predict("sst", split, chosen))
    assert torch.equal(frozen.output("sst", indices, draw=1)[0], frozen.output("sst", indices)[0])


def without(spec):
    return spec | {"train": spec["train"] | {"augmentation": None}}


def test_a_steps_draws_are_of_the_seed_and_the_place_and_the_same_for_all_passes(tiny, monkeypatch):
    draws, output = [], Source.output
    monkeypatch.setattr(Source, "output", lambda *given: (draws.append(given[-1]), output(*given))[1])
    schedule = [{"tasks": ["sst", "sts"], "epochs": 1}] * 2
    run = tiny.add_row(schedule, train={"augmentation": {"eda": {"swap": 0.2}}, "regulariser": "r_drop"})
    train(run)
    num_steps = 2 * -(-len(read_task_data("sts", run.spec, tiny.root).train_indices) // 8)
    in_steps = draws[: num_steps * 4]  # tasks, passes; the probe follows
    assert {type(draw) for draw in in_steps} == {int}
    assert in_steps[0::2] == in_steps[1::2] and len(set(in_steps)) == num_steps * 2
    assert "pipeline.training.augmentation.eda:augment" in entries_of_run(run.spec)


def test_a_wrong_option_is_refused_before_anything_trains(tiny):
    with pytest.raises(ValueError, match=r"augmentation.eda: option 'swap' is 2\.0; allowed: float, at least 0"):
        tiny.add_row([{"tasks": ["sst"], "epochs": 1}], train={"augmentation": {"eda": {"swap": 2.0}}})
    vocab = tiny.root / layout.encoder(PROFILE, ENCODER) / "vocab.txt"
    with pytest.raises(ValueError, match="'nothing' is unknown"):
        make_augmentation("nothing", vocab)
