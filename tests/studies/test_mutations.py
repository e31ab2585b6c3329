"""Breaks are of one place, still Python, and drawn by seed from every room."""

import ast

import pytest

from studies.mutations import draw, find_breaks

SOURCE = """def é(a, b):
    if not a: raise ValueError
    return f(a + -b, b[1:]) if a < b or b in a else None
"""


@pytest.fixture
def root(tmp_path):
    for name in ("model/a.py", "pipeline/runs/b.py", "stages/c.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(SOURCE, encoding="utf-8")
    return tmp_path


def test_every_break_of_a_function_is_another_function(root):
    source, (breaks,) = SOURCE.encode(), find_breaks(root / "model/a.py", root).values()
    broken = [(source[: each.start] + each.new.encode() + source[each.end :]).decode() for each in breaks]
    trees = {ast.unparse(ast.parse(text)) for text in broken}
    assert len(trees) == len(breaks) == 9 and ast.unparse(ast.parse(SOURCE)) not in trees
    kinds = {each.kind for each in breaks}
    assert kinds == {"bound", "sign", "missing check", "swapped arguments", "off by one"}


def test_the_draw_is_by_seed_and_from_all_rooms(root):
    drawn = draw(0, 3, root)
    assert drawn == draw(0, 3, root) and draw(1, 3, root) != drawn
    assert {each.room for each in drawn} == {"model", "pipeline/runs", "stages"}
    with pytest.raises(ValueError, match="only 3 functions"):
        draw(0, 4, root)
