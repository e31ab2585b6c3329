"""A profile's csv files as token files, with the report and the record."""

import numpy as np
import pytest

from pipeline.data.encode_text import encode_text, make_label_range
from pipeline.data.reading import read_examples
from pipeline.data.token_files import read_tokens
from pipeline.data.tokenizing import Tokenizer
from pipeline.files.atomic import read_json
from pipeline.files.digest import hash_folder
from pipeline.runs import layout
from pipeline.runs.record import read_record
from tests.tiny import ENCODER, PROFILE, SIZES

TASKS = ("sst", "para", "sts", "cfimdb")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("split", ["train", "dev"])
def test_token_files_are_the_csvs_rows_tokenised(tiny, task, split):
    row = tiny.params.tasks[task]
    path = tiny.root / layout.corpus(PROFILE) / getattr(row.files, split)
    examples = read_examples(path, row.sentences, row.label, make_label_range(row))
    tokens = read_tokens(tiny.root / layout.tokens(PROFILE, ENCODER) / task / split)
    assert tokens.ids == examples.ids
    assert tokens.num_examples == SIZES[task][split] - (split == "train")  # one row of train has no label
    np.testing.assert_array_equal(tokens.labels, np.float32(examples.labels))
    vocab = tiny.root / layout.encoder(PROFILE, ENCODER) / "vocab.txt"
    for number, sentences in enumerate(examples.sentences):
        expected = Tokenizer(vocab, 64).tokenize(sentences, row.cleaning).ids
        assert tokens.sentences([number]) == expected


def test_the_profiles_length_cuts_sentences_and_the_report_says_so(tiny):
    before = hash_folder(tiny.root / layout.tokens(PROFILE, ENCODER))
    tiny.change(profiles__tiny__data__max_length=5)
    encode_text(tiny.params, PROFILE, tiny.root)
    assert hash_folder(tiny.root / layout.tokens(PROFILE, ENCODER)) != before
    assert read_tokens(tiny.root / layout.tokens(PROFILE, ENCODER) / "cfimdb" / "train").lengths.max() == 5
    report = read_json(tiny.root / layout.data_report(PROFILE) / "data.json")
    assert set(report) == set(TASKS)
    record = read_record(tiny.root / layout.data_record(PROFILE, "tokenize") / "record.json")
    assert record["params"]["max_length"] == 5


def test_the_same_again_is_the_same_bytes(tiny):
    folders = [tiny.root / folder(PROFILE) for folder in (layout.all_tokens, layout.data_report)]
    before = [hash_folder(folder) for folder in folders]
    encode_text(tiny.params, PROFILE, tiny.root)
    assert [hash_folder(folder) for folder in folders] == before


def test_a_label_that_the_task_does_not_allow_leaves_the_old_tokens(tiny):
    before = hash_folder(tiny.root / layout.tokens(PROFILE, ENCODER))
    tiny.change(tasks__sst__num_classes=2)
    with pytest.raises(ValueError, match=r"ids-sst-train\.csv: line \d+ .*sentiment is .* an integer from 0 to 1"):
        encode_text(tiny.params, PROFILE, tiny.root)
    assert hash_folder(tiny.root / layout.tokens(PROFILE, ENCODER)) == before


def test_label_ranges_are_those_of_the_tasks(tiny):
    tasks = tiny.params.tasks
    assert str(make_label_range(tasks["sst"])) == "an integer from 0 to 4"
    assert str(make_label_range(tasks["sts"])) == "a number from 0 to 5"
