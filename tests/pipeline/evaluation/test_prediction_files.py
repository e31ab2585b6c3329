"""Prediction files: columns, order, and equal bytes for equal predictions."""

import gzip
import time

import numpy as np
import pytest

from pipeline.evaluation.prediction_files import MAX_PLAIN_ROWS, render_predictions, write_predictions


def test_rows_are_in_the_datasets_order_with_their_ids(tmp_path):
    path = write_predictions(
        tmp_path / "sst.csv", ["b", "a", 'q"1'], np.float32([2, 0.5, 1 / 3]), np.float32([1, 0, 4])
    )
    assert path.read_text() == 'id,label,prediction\nb,1,2\na,0,0.5\n"q""1",4,0.3333333\n'


@pytest.mark.parametrize(("num_rows", "name"), [(MAX_PLAIN_ROWS, "para.csv"), (MAX_PLAIN_ROWS + 1, "para.csv.gz")])
def test_many_rows_are_compressed(tmp_path, num_rows, name):
    ids, values = [str(i) for i in range(num_rows)], np.arange(num_rows, dtype=np.float32) % 2
    path = write_predictions(tmp_path / "para.csv", ids, values, values)
    assert [file.name for file in tmp_path.iterdir()] == [path.name] == [name]
    text = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()
    assert text == render_predictions(ids, values, values)
    assert len(text.splitlines()) == num_rows + 1


def test_compressed_bytes_do_not_depend_on_the_time(tmp_path, monkeypatch):
    ids, values = [str(i) for i in range(MAX_PLAIN_ROWS + 1)], np.zeros(MAX_PLAIN_ROWS + 1)
    contents = set()
    for now in (1e9, 1.5e9):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        contents.add(write_predictions(tmp_path / "para.csv", ids, values, values).read_bytes())
    assert len(contents) == 1


def test_counts_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError):
        render_predictions(["a", "b"], np.zeros(3))
