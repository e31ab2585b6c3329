"""Token files: what is written is what is read, and what does not fit together is refused."""

import json

import numpy as np
import pytest

from pipeline.data.token_files import make_token_set, read_tokens, write_tokens

PAIRS = [[101, 7, 102], [101, 102], [101, 8, 9, 102], [101, 30521, 102]]


def test_single_sentences_come_back_in_the_order_asked_for(tmp_path):
    write_tokens(tmp_path / "sst", make_token_set(PAIRS, [0.0, 3.0, 4.0, 1.0], ["a", "b", "c", "d"], 1))
    split = read_tokens(tmp_path / "sst")
    assert (split.num_examples, split.sentences_per_example, split.num_tokens) == (4, 1, 12)
    assert split.sentences([2, 0]) == [PAIRS[2], PAIRS[0]]
    assert split.labels.tolist() == [0.0, 3.0, 4.0, 1.0]
    assert split.lengths.tolist() == [3, 2, 4, 3]


def test_pairs_come_back_as_all_first_then_all_second_sentences(tmp_path):
    write_tokens(tmp_path / "sts", make_token_set(PAIRS, [4.6, 0.2], ["a", "é"], 2))
    split = read_tokens(tmp_path / "sts")
    assert split.sentences(np.array([1, 0])) == [PAIRS[2], PAIRS[0], PAIRS[3], PAIRS[1]]
    assert split.labels.tolist() == pytest.approx([4.6, 0.2])
    assert split.ids == ["a", "é"]


def test_a_split_without_labels_has_none_and_replaces_one_with_labels(tmp_path):
    write_tokens(tmp_path / "sst", make_token_set(PAIRS, [0, 1, 2, 3], ["a", "b", "c", "d"], 1))
    write_tokens(tmp_path / "sst", make_token_set(PAIRS[:2], None, ["a", "b"], 1))
    assert read_tokens(tmp_path / "sst").labels is None
    assert sorted(path.name for path in (tmp_path / "sst").iterdir()) == [
        "ids.json",
        "meta.json",
        "offsets.npy",
        "tokens.npy",
    ]


def test_an_index_outside_the_split_is_refused(tmp_path):
    write_tokens(tmp_path / "sst", make_token_set(PAIRS, None, ["a", "b", "c", "d"], 1))
    for index in (4, -1):
        with pytest.raises(IndexError, match="there are 4"):
            read_tokens(tmp_path / "sst").sentences([index])


@pytest.mark.parametrize(
    ("sentences", "labels", "ids", "num_sentences", "message"),
    [
        ([], None, [], 1, "no examples"),
        (PAIRS, None, ["a", "b", "c"], 1, "4 sentences do not fit 3 ids"),
        (PAIRS, None, ["a", "b", "c"], 2, "4 sentences do not fit 3 ids"),
        (PAIRS, [1.0], ["a", "b"], 2, "1 labels for 2 ids"),
        ([[101], [], [101], [101]], None, ["a", "b"], 2, r"sentence 1 \(id a\) has no tokens"),
    ],
)
def test_counts_that_do_not_fit_write_nothing(tmp_path, sentences, labels, ids, num_sentences, message):
    with pytest.raises(ValueError, match=message):
        write_tokens(tmp_path / "split", make_token_set(sentences, labels, ids, num_sentences))
    assert list(tmp_path.iterdir()) == []


def test_damaged_files_are_named(tmp_path):
    folder = tmp_path / "sst"
    write_tokens(folder, make_token_set(PAIRS, [0, 1, 2, 3], ["a", "b", "c", "d"], 1))
    kept = {path: path.read_bytes() for path in folder.iterdir()}

    def refusal() -> str:
        with pytest.raises(ValueError) as caught:
            read_tokens(folder)
        for path, content in kept.items():
            path.write_bytes(content)
        return str(caught.value)

    (folder / "labels.npy").unlink()
    assert "labels.npy: no such file" in refusal()
    (folder / "tokens.npy").write_bytes(kept[folder / "tokens.npy"][:20])
    assert "tokens.npy: not an array file" in refusal()
    np.save(folder / "tokens.npy", np.arange(5, dtype=np.int32))
    assert "offsets end at 12, tokens at 5" in refusal()
    np.save(folder / "labels.npy", np.zeros(3, dtype=np.float32))
    assert "3 labels for 4 ids" in refusal()
    (folder / "ids.json").write_text(json.dumps(["a"]))
    assert "do not fit 1 ids" in refusal()
    (folder / "meta.json").write_text(json.dumps({"version": 2}))
    assert "version is 2, allowed is 1" in refusal()
    assert read_tokens(folder).num_examples == 4
