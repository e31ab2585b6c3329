"""The sample corpus: the course's format, the same bytes for the same seed, and every odd row that real files hold."""

import re

import pytest

from pipeline.data.reading import LabelRange, read_examples
from pipeline.data.report import describe_overlap
from pipeline.data.sample import TASKS, write_sample_corpus
from pipeline.files.digest import hash_folder

SIZES = {task: {"train": 300, "dev": 200, "test": 20} for task in TASKS}
LABELS = {
    "sst": LabelRange(0, 4, integer=True),
    "cfimdb": LabelRange(0, 1, integer=True),
    "para": LabelRange(0, 1, integer=True),
    "sts": LabelRange(0, 5, integer=False),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus") / "sample"
    write_sample_corpus(folder, SIZES, seed=7)
    return folder


def read(folder, task, split):
    layout = TASKS[task]
    label = None if split == "test-student" else layout.label_column
    return read_examples(folder / f"{layout.prefix}-{split}.csv", layout.sentence_columns, label, LABELS[task])


def test_the_files_have_the_courses_names_and_headers(corpus):
    headers = {path.name: path.read_text().split("\n")[0] for path in corpus.iterdir()}
    assert headers == {
        "ids-sst-train.csv": "\tid\tsentence\tsentiment",
        "ids-sst-dev.csv": "\tid\tsentence\tsentiment",
        "ids-sst-test-student.csv": "0\t\tid\tsentence",
        "ids-cfimdb-train.csv": "\tid\tsentence\tsentiment",
        "ids-cfimdb-dev.csv": "\tid\tsentence\tsentiment",
        "ids-cfimdb-test-student.csv": "0\t\tid\tsentence",
        "quora-train.csv": "\tid\tsentence1\tsentence2\tis_duplicate",
        "quora-dev.csv": "\tid\tsentence1\tsentence2\tis_duplicate",
        "quora-test-student.csv": "\tid\tsentence1\tsentence2",
        "sts-train.csv": "\tid\tsentence1\tsentence2\tsimilarity",
        "sts-dev.csv": "\tid\tsentence1\tsentence2\tsimilarity",
        "sts-test-student.csv": "\tid\tsentence1\tsentence2",
    }
    assert (corpus / "ids-sst-test-student.csv").read_text().split("\n")[1].startswith("1\t0.0\t")


def test_equal_arguments_give_equal_bytes_and_another_seed_others(corpus, tmp_path):
    write_sample_corpus(tmp_path / "same", SIZES, seed=7)
    write_sample_corpus(tmp_path / "other", SIZES, seed=8)
    assert hash_folder(tmp_path / "same") == hash_folder(corpus) != hash_folder(tmp_path / "other")


def test_the_bytes_are_these_on_every_machine(corpus):
    # A golden value: another one means that everyone's sample results change.
    assert hash_folder(corpus) == "e5606d23c5335d3951b8e3219951bb201828c34b6c5268b434bbeda5554f5616"


@pytest.mark.parametrize("task", TASKS)
def test_every_row_can_be_read_and_odd_ones_are_there(corpus, task):
    train, dev, test = (read(corpus, task, split) for split in ("train", "dev", "test-student"))
    assert (len(train), len(train.unlabelled), len(dev), len(dev.unlabelled), len(test)) == (299, 1, 200, 0, 20)
    for examples in (train, dev):
        sentences = examples.flat_sentences
        assert sentences.count("") == sentences.count("NA") == sentences.count("None") == 1
        assert sum('""so to say""' in sentence for sentence in sentences) == 1
    ids = train.ids + dev.ids + test.ids
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[0-9a-f]{25}", row_id) for row_id in ids)


@pytest.mark.parametrize("task", TASKS)
def test_dev_and_train_share_the_odd_rows_only(corpus, task):
    train, dev = read(corpus, task, "train"), read(corpus, task, "dev")
    shared = set(dev.sentences) & set(train.sentences)
    assert shared == ({("",), ("NA",), ("None",)} if task in ("sst", "cfimdb") else set())
    assert describe_overlap(train, dev)["num_shared_examples"] == len(shared)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"nli": {"train": 10}}, "task 'nli' is not one of sst, cfimdb, para, sts"),
        ({"sst": {"valid": 10}}, "split 'valid' of sst is not one of dev, train, test"),
        ({"sst": {"dev": 3}}, "sst dev has 3 rows, allowed are 8 or more"),
    ],
)
def test_sizes_that_make_no_sense_write_nothing(tmp_path, sizes, message):
    with pytest.raises(ValueError, match=message):
        write_sample_corpus(tmp_path / "sample", sizes, 0)
    assert not (tmp_path / "sample").exists()
