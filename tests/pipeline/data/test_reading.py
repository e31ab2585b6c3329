"""Reading the course's csv: every row as it is, and a refusal that names the place for what is not allowed."""

import os
from pathlib import Path

import pytest

from pipeline.data.reading import LabelRange, read_examples

SENTIMENT = LabelRange(0, 4, integer=True)
SIMILARITY = LabelRange(0, 5, integer=False)
BINARY = LabelRange(0, 1, integer=True)
PAIR = ["sentence1", "sentence2"]
MIRROR = os.environ.get("BERTY_MIRROR")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="BERTY_MIRROR is not set: the course's csv files are not here")


def write(folder: Path, *rows: str, name: str = "a.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes("".join(row + "\n" for row in rows).encode(encoding))
    return path


def refusal(path: Path, columns=("sentence",), label="sentiment", values=SENTIMENT) -> str:
    with pytest.raises(ValueError) as caught:
        read_examples(path, columns, label, values)
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


def test_sentences_that_look_like_missing_values_are_sentences(tmp_path):
    rows = ["\tid\tsentence\tsentiment", "0\ta\tNA\t0", "1\tb\t\t4", "2\tc\tNone\t1", "3\td\tnan\t2", "4\te\t 1.50 \t3"]
    examples = read_examples(write(tmp_path, *rows), ["sentence"], "sentiment", SENTIMENT)
    assert examples.sentences == [("NA",), ("",), ("None",), ("nan",), (" 1.50 ",)]
    assert examples.labels == [0, 4, 1, 2, 3]
    assert examples.unlabelled == []


def test_quoting_newlines_and_unicode_come_through(tmp_path):
    first, second = '0\ta\t"He said ""no""."\té ”\t4.6', '1\tb\t"two\nlines"\tit\'s "so"\t0.2'
    path = write(tmp_path, "\tid\tsentence1\tsentence2\tsimilarity", first, second)
    examples = read_examples(path, PAIR, "similarity", SIMILARITY)
    assert examples.sentences == [('He said "no".', "é ”"), ("two\nlines", 'it\'s "so"')]
    assert examples.labels == [4.6, 0.2]
    assert examples.flat_sentences == ['He said "no".', "é ”", "two\nlines", 'it\'s "so"']


def test_rows_without_a_label_are_left_out_and_named(tmp_path):
    header, unlabelled = "\tid\tsentence\tsentiment", ['1\tb\t"no\nlabel"\t', "3\td\tbad\t "]
    rows = [header, '0\ta\t"two\nlines"\t1', unlabelled[0], "2\tc\tgood\t3.0", unlabelled[1]]
    examples = read_examples(write(tmp_path, *rows), ["sentence"], "sentiment", SENTIMENT)
    assert (examples.ids, examples.labels, len(examples)) == (["a", "c"], [1, 3], 2)
    assert examples.unlabelled == ["a.csv line 4 (id b)", "a.csv line 7 (id d)"]


def test_for_prediction_every_row_comes_back_in_order_whatever_the_columns_places(tmp_path):
    rows = ["0\t\tid\tsentence", "1\t0.0\tz\tfirst", "2\t1.0\ty\t", "3\t2.0\tx\tNA"]
    examples = read_examples(write(tmp_path, *rows), ["sentence"], None, None)
    assert (examples.ids, examples.labels) == (["z", "y", "x"], None)
    assert examples.sentences == [("first",), ("",), ("NA",)]


def test_a_byte_order_mark_and_empty_lines_change_nothing(tmp_path):
    path = write(tmp_path, "id\tsentence", "a\tone", "", "b\ttwo", encoding="utf-8-sig")
    assert read_examples(path, ["sentence"], None, None).ids == ["a", "b"]


def test_wrong_columns_are_named(tmp_path):
    path = write(tmp_path, "\tid\tsentence\tlabel", "0\ta\tgood\t1")
    assert "no column 'sentiment'" in refusal(path)
    assert "no column 'sentence1'" in refusal(path, PAIR, "label")
    comma = write(tmp_path, ",id,sentence,sentiment", "0,a,good,1", name="comma.csv")
    assert "no column 'id'" in refusal(comma)
    assert "no column 'id'" in refusal(write(tmp_path, name="empty.csv"))
    doubled = write(tmp_path, "\tid\tsentence\tsentence\tsentiment", name="doubled.csv")
    assert "'sentence' is there twice" in refusal(doubled)
    assert "no such file" in refusal(tmp_path / "absent.csv")


@pytest.mark.parametrize("label", ["5", "-1", "2.5", "nan", "inf", "good", "NA"])
def test_a_label_that_is_not_allowed_names_line_id_and_what_is(tmp_path, label):
    path = write(tmp_path, "\tid\tsentence\tsentiment", "0\ta\tfine\t1", f"1\tb\tfine\t{label}")
    message = refusal(path)
    assert f"line 3 (id b): sentiment is '{label}', allowed is an integer from 0 to 4" in message


def test_a_score_may_be_a_fraction_within_its_range(tmp_path):
    path = write(tmp_path, "\tid\tsentence1\tsentence2\tsimilarity", "0\ta\tx\ty\t2.75", "1\tb\tx\ty\t5.1")
    message = refusal(path, PAIR, "similarity", SIMILARITY)
    assert "line 3 (id b): similarity is '5.1', allowed is a number from 0 to 5" in message


@pytest.mark.parametrize("row", ["1\tb\tfine", "1\tb\tfine\t2\textra", '1\tb\t"fine\t2'])
def test_ragged_rows_are_named(tmp_path, row):
    path = write(tmp_path, "\tid\tsentence\tsentiment", "0\ta\tfine\t1", row)
    assert "line 3 (id b)" in refusal(path)


def test_undecodable_bytes_are_named(tmp_path):
    path = write(tmp_path, "\tid\tsentence\tsentiment", "0\ta\tfine\t1", "1\tb\tcafé\t1", encoding="latin-1")
    assert "line 3, after '1\\tb\\tcaf': byte 0xe9 is not UTF-8" in refusal(path)


def test_a_swallowed_rest_of_the_file_is_an_error(tmp_path):
    path = write(tmp_path, "\tid\tsentence\tsentiment", '0\ta\t"never closed\t1', *["filling " * 20] * 1000)
    assert "line 2" in refusal(path)


COUNTS = {
    "ids-sst-train.csv": (["sentence"], "sentiment", SENTIMENT, 8544, 8544),
    "ids-sst-dev.csv": (["sentence"], "sentiment", SENTIMENT, 1101, 1101),
    "ids-sst-test-student.csv": (["sentence"], None, None, 2210, 2210),
    "ids-cfimdb-train.csv": (["sentence"], "sentiment", BINARY, 1707, 1707),
    "ids-cfimdb-dev.csv": (["sentence"], "sentiment", BINARY, 245, 245),
    "ids-cfimdb-test-student.csv": (["sentence"], None, None, 488, 488),
    "sts-train.csv": (PAIR, "similarity", SIMILARITY, 6040, 6040),
    "sts-dev.csv": (PAIR, "similarity", SIMILARITY, 863, 863),
    "sts-test-student.csv": (PAIR, None, None, 1725, 1725),
    "quora-dev.csv": (PAIR, "is_duplicate", BINARY, 20212, 20214),
    "quora-train-part.csv": (PAIR, "is_duplicate", BINARY, 57998, 57998),
}


@needs_mirror
@pytest.mark.parametrize("name", COUNTS)
def test_the_courses_files_have_their_known_counts(name):
    columns, label, values, num_labelled, num_rows = COUNTS[name]
    examples = read_examples(Path(MIRROR) / name, columns, label, values)
    assert (len(examples), len(examples) + len(examples.unlabelled)) == (num_labelled, num_rows)
    assert all(len(row_id) == 25 for row_id in examples.ids)


@needs_mirror
def test_the_courses_odd_rows():
    quora = read_examples(Path(MIRROR) / "quora-dev.csv", PAIR, "is_duplicate", BINARY)
    assert quora.unlabelled == [
        "quora-dev.csv line 2577 (id ad118c967d683c93883bf072d)",
        "quora-dev.csv line 14222 (id 9054345d02cd6c5642a4904dc)",
    ]
    assert quora.labels.count(0.0) / len(quora) == pytest.approx(0.625, abs=5e-4)
    sts = read_examples(Path(MIRROR) / "sts-train.csv", PAIR, "similarity", SIMILARITY)
    assert sum(label != int(label) for label in sts.labels) / len(sts) == pytest.approx(0.69, abs=5e-3)
