"""Two folders become cells: joined by id, and refused with the reason where they cannot be compared."""

import random
import shutil

import numpy as np
import pytest

from pipeline.gate.cells import join, list_extra, list_files
from tests.pipeline.gate.conftest import LABELS, NUM_EXAMPLES, compress, predict, write_predictions

SST = ("phase2", "row", "sst")
STS = ("phase2", "row", "sts")


def test_order_compression_and_other_columns_do_not_matter(write):
    baseline = write("baseline", {SST: (0.5, (0, 1))})
    current = write("current", {SST: (0.5, (3, 4, 5))})
    shuffled = random.Random(1).sample(range(NUM_EXAMPLES), NUM_EXAMPLES)
    folder = current / "phase2/row-3"
    write_predictions(folder, "sst", predict("sst", 0.5, 3), shuffled)
    lines = (folder / "sst.csv").read_text().splitlines()
    (folder / "sst.csv").write_text("\n".join(["p_0," + lines[0], *(f"0.5,{line}" for line in lines[1:])]))
    compress(folder / "sst.csv")
    (cell,) = join(list_files(baseline), list_files(current))
    assert (cell.phase, cell.row, cell.task) == SST
    np.testing.assert_array_equal(cell.labels_N, LABELS["sst"])
    assert (len(cell.baseline_SN), len(cell.current_SN)) == (2, 3)
    np.testing.assert_array_equal(cell.current_SN[0], predict("sst", 0.5, 3))


def test_files_and_hidden_folders_beside_the_folders_do_not_count(write):
    folder = write("baseline", {SST: (0.5, (0,))})
    expected = list_files(folder)
    (folder / "notes.txt").touch()
    (folder / ".git").mkdir()
    (folder / "phase2/.half-written").mkdir()
    assert list_files(folder) == expected


def test_what_is_missing_is_refused_and_what_is_extra_named(write):
    baseline = list_files(write("baseline", {SST: (0.5, (0,)), STS: (0.7, (0,))}))
    current = list_files(write("current", {SST: (0.5, (0,)), ("phase2", "new", "sst"): (0.5, (0,))}))
    with pytest.raises(ValueError, match="in the baseline, but not in the current predictions: phase2/row/sts$"):
        join(baseline, current)
    assert list_extra(baseline, current) == ["phase2/new/sst"]


def test_other_labels_are_refused(write):
    baseline, current = (write(name, {SST: (0.5, (0,))}) for name in ("baseline", "current"))
    path = current / "phase2/row-0/sst.csv"
    lines = path.read_text().splitlines()
    name, label, prediction = lines[1].split(",")
    path.write_text("\n".join([lines[0], f"{name},{float(label) + 1},{prediction}", *lines[2:]]))
    with pytest.raises(ValueError, match=f"1 other gold labels than .*: that of '{name}'"):
        join(list_files(baseline), list_files(current))


def test_other_ids_are_refused(write):
    baseline, current = (write(name, {SST: (0.5, (0,))}) for name in ("baseline", "current"))
    path = current / "phase2/row-0/sst.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(ValueError, match="other ids than .*: 1 stand in one of them only"):
        join(list_files(baseline), list_files(current))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "no such folder"),
        (lambda folder: folder.mkdir(), "no predictions"),
        (lambda folder: (folder / "phase2").mkdir(parents=True), "no predictions"),
        (lambda folder: (folder / "phase2/row-0").mkdir(parents=True), "row-0: no prediction files"),
        (lambda folder: (folder / "predictions/phase2/row-0").mkdir(parents=True), "predictions/phase2: allowed: "),
    ],
)
def test_a_folder_that_is_none_of_predictions_is_refused(tmp_path, make, message):
    make(tmp_path / "folder")
    with pytest.raises(ValueError, match=message):
        list_files(tmp_path / "folder")


def test_of_the_plan_s_runs_each_must_be_there_and_no_other_counts(write):
    folder = write("current", {SST: (0.5, (0, 1)), ("phase2", "gone", "sst"): (0.5, (0,))})
    assert list_files(folder, [("phase2", "row", 0)]) == {SST: {0: folder / "phase2/row-0/sst.csv"}}
    shutil.rmtree(folder / "phase2/row-1")
    with pytest.raises(ValueError, match="phase2/row-1: no predictions, but the plan lists this run"):
        list_files(folder, [("phase2", "row", 0), ("phase2", "row", 1)])
