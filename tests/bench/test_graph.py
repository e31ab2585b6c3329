"""The empty graph has nothing to do, and a graph that has is not taken for one that has not."""

import pytest

from bench import graph


def test_an_empty_graph_is_finished_once_and_kept(tmp_path):
    folder = graph.build_empty_graph(tmp_path / "empty", 2)
    assert graph._time_no_op(folder) > 0
    kept = (folder / "dvc.lock").stat().st_mtime_ns
    assert graph.build_empty_graph(folder, 2) == folder and (folder / "dvc.lock").stat().st_mtime_ns == kept
    (folder / "deps" / "1").write_text("changed\n")
    with pytest.raises(RuntimeError, match="had something to do"):
        graph._time_no_op(folder)
