"""Prediction files: read whole or refused with file and row, and joined by id."""

import gzip

import numpy as np
import pytest

from pipeline.statistics import predictions
from pipeline.statistics.predictions import align, find_tasks, read_predictions


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "sst.csv"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
        return path

    return write


@pytest.mark.parametrize("name", ["sst.csv", "sst.csv.gz"])
def test_columns_are_found_by_name_and_others_left_alone(write, name):
    read = read_predictions(write("prediction,p_1,id,label\n3,.5,a,4\n1,.2,b,1\n", name))
    assert read.ids == ["a", "b"]
    assert (read.labels_N.tolist(), read.predictions_N.tolist()) == ([4, 1], [3, 1])


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(write):
    read = read_predictions(write("\ufeffid,label,prediction\r\na,4,3\r\n"))
    assert (read.ids, read.labels_N.tolist(), read.predictions_N.tolist()) == (["a"], [4], [3])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,label\na,1\n", "no column prediction"),
        ("", "no column id, label, prediction"),
        ("id,label,prediction\n", "no rows"),
        ("id,label,prediction\na,1,1\nb,1,1\na,1,1\n", "the id 'a' stands in 2 rows"),
        ("id,label,prediction\na,1,1\nb,1,nan\n", "prediction of 'b' is 'nan'; allowed: finite numbers"),
        ("id,label,prediction\na,1,inf\n", "prediction of 'a' is 'inf'"),
        ("id,label,prediction\na,1,\n", "prediction of 'a' is ''"),
        ("id,label,prediction\na,none,1\n", "label of 'a' is 'none'"),
        ("id,label,prediction\na,1\n", "fewer cells than the header"),
    ],
)
def test_what_is_no_prediction_file_is_refused(write, text, message):
    path = write(text)
    with pytest.raises(ValueError, match=message) as refused:
        read_predictions(path)
    assert str(refused.value).startswith(f"{path}: ")


def test_runs_are_joined_by_id_whatever_their_order(write):
    first = read_predictions(write("id,label,prediction\na,1,10\nb,2,20\nc,3,30\n", "1.csv"))
    second = read_predictions(write("id,label,prediction\nc,3,33\na,1,11\nb,2,22\n", "2.csv"))
    labels_N, predictions_SN = align([first, second])
    assert labels_N.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(predictions_SN, [[10, 20, 30], [11, 22, 33]])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("id,label,prediction\na,1,1\nz,2,1\n", "other ids than .*: 2 stand in one of them only, such as 'b'"),
        ("id,label,prediction\na,1,1\n", "other ids than .*: 1 stand"),
        ("id,label,prediction\nb,3,1\na,1,1\n", "1 other gold labels than .*: that of 'b' is 3, there 2"),
    ],
)
def test_other_ids_and_other_labels_are_refused(write, other, message):
    first = read_predictions(write("id,label,prediction\na,1,1\nb,2,1\n", "1.csv"))
    with pytest.raises(ValueError, match=message):
        align([first, read_predictions(write(other, "2.csv"))])


def test_one_file_for_each_task(tmp_path, write):
    write("", "sst.csv")
    write("", "para.csv.gz")
    write("", "notes.txt")
    assert {task: path.name for task, path in find_tasks(tmp_path).items()} == {"para": "para.csv.gz", "sst": "sst.csv"}
    write("", "sst.csv.gz")
    with pytest.raises(ValueError, match="sst.csv and sst.csv.gz are of the same task"):
        find_tasks(tmp_path)


@pytest.mark.parametrize("place", [0, 12, 20, -9, -1])
def test_a_damaged_or_cut_file_is_refused(tmp_path, place):
    path, content = tmp_path / "sst.csv.gz", bytearray(gzip.compress(b"id,label,prediction\na,1,1\n"))
    for damaged in (content[:place], content[:place] + bytes([content[place] ^ 255]) + content[place:][1:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"{path}: (cannot be read|no column)"):
            read_predictions(path)


def test_a_file_that_unpacks_to_more_than_any_has_is_refused(write, monkeypatch):
    monkeypatch.setattr(predictions, "MAX_BYTES", 25)
    for name in ("sst.csv", "sst.csv.gz"):
        with pytest.raises(ValueError, match=f"{name}: more than 25 bytes"):
            read_predictions(write("id,label,prediction\na,1,1\n", name))
