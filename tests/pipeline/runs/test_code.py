"""The digests of a run's code: what does not execute changes nothing, what does changes its own definition alone."""

import ast
from pathlib import Path

import pytest

from pipeline.runs.code import Code, combine_digests, digest_definitions, entries_of_run, reach

ROOT = Path(__file__).resolve().parents[3]
FIXED = ["pipeline.training.loop:Training", "pipeline.evaluation.evaluate:evaluate", "pipeline.runs.run_files:Run"]

PROJECT = {
    "model/__init__.py": '"""The model."""\n',
    "model/bert.py": '''"""BERT."""
import math
from dataclasses import dataclass
import torch.nn.functional as F
from model import layout
from model.sizes import FACTOR, SIZE as WIDTH

LIMIT: int = 3
low, high = 0, WIDTH

@dataclass(frozen=True)
class Shape:
    """A shape."""
    width: int = WIDTH

    @property
    def area(self) -> int:
        # squared
        return self.width * self.width

    class Inner:
        size = 1

class Net(Shape):
    scale = 2

    def forward(self, x, limit=LIMIT):
        return F.relu(x) * layout.model("a") + helper(low)

def helper(x: "int") -> float:
    """Help."""
    from model.lazy import late
    half: float = x / 2
    return late(half) + math.pi

def unreached():
    return layout.other()
''',
    "model/layout.py": "def model(name):\n    return len(name)\n\ndef other():\n    return missing_at_run_time\n",
    "model/sizes.py": "SIZE = 8\nFACTOR = 2\nSIZES = []\nSIZES.append(SIZE)\n",
    "model/lazy.py": "def late(x):\n    return x\n",
    "model/combine/__init__.py": "",
    "model/combine/pcgrad.py": "EPS = 1e-8\ndef combine(g):\n    return g + EPS\n",
}
START = ["model.bert:Net", "model.combine.pcgrad:combine"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in PROJECT.items():
        write(tmp_path, name, text)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def edit(root: Path, name: str, old: str, new: str) -> None:
    text = (root / name).read_text(encoding="utf-8")
    assert old in text
    write(root, name, text.replace(old, new))


def one(root: Path, source: str, entry: str = "f") -> dict[str, str]:
    """The digests of a module's `f`, those of the module `m` named without it."""
    write(root, "model/m.py", source)
    digests = digest_definitions([f"model.m:{entry}"], root)
    return {name.removeprefix("model.m."): digest for name, digest in digests.items()}


def test_the_definitions_that_names_reach(project: Path) -> None:
    expected = """bert.LIMIT bert.Net bert.Net.forward bert.Shape bert.Shape.Inner bert.Shape.area bert.helper bert.high
        bert.low combine.pcgrad.EPS combine.pcgrad.combine layout.model lazy.late sizes.<statements> sizes.SIZE
        sizes.SIZES"""
    reached = set(digest_definitions(START, project))
    assert reached == {f"model.{name}" for name in expected.split()}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("model/bert.py", "# squared", "# times itself"),
        ("model/bert.py", '"""A shape."""', ""),
        ("model/bert.py", '"""Help."""', '"""Help\n    more."""\n'),
        ("model/bert.py", '"""BERT."""', ""),
        ("model/bert.py", "LIMIT: int = 3", "LIMIT = (\n    3  # three\n)"),
        ("model/bert.py", '"a"', "'''a'''"),
        ("model/bert.py", 'x: "int") -> float', "x) -> int"),
        ("model/bert.py", "half: float = ", "half = "),
        ("model/bert.py", "half: float = ", "half: int\n    half = "),
        ("model/bert.py", "LIMIT: int = 3", "LIMIT: int\nLIMIT = 3"),
        ("model/bert.py", "return layout.other()", "return 2"),
        ("model/bert.py", "def unreached():", "def unreached(x=1):"),
        ("model/bert.py", "class Net", "def added(): pass\nclass Net"),
        ("model/bert.py", "import torch.nn.functional as F", "from torch.nn import functional as F"),
        ("model/bert.py", "FACTOR, SIZE as WIDTH", "SIZE as WIDTH"),
        ("model/layout.py", "missing_at_run_time", "1"),
        ("model/sizes.py", "FACTOR = 2", "FACTOR = 3"),
    ],
)
def test_what_does_not_execute_changes_nothing(project: Path, name: str, old: str, new: str) -> None:
    before = digest_definitions(START, project)
    edit(project, name, old, new)
    assert digest_definitions(START, project) == before


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("model/bert.py", "* layout", "+ layout", {"bert.Net.forward"}),
        ("model/bert.py", "LIMIT: int = 3", "LIMIT: int = 3.0", {"bert.LIMIT"}),
        ("model/bert.py", "limit=LIMIT", "limit=4", {"bert.Net.forward", "-bert.LIMIT"}),
        ("model/bert.py", "frozen=True", "frozen=False", {"bert.Shape"}),
        ("model/bert.py", "    @property\n", "", {"bert.Shape.area"}),
        ("model/bert.py", "width: int", "width: float", {"bert.Shape"}),
        ("model/bert.py", "size = 1", "size = 2", {"bert.Shape.Inner"}),
        ("model/bert.py", "scale = 2", "scale = 3", {"bert.Net"}),
        ("model/bert.py", "class Net(Shape)", "class Net(Shape, dict)", {"bert.Net"}),
        ("model/bert.py", "torch.nn.functional", "torch.special", {"bert.Net.forward"}),
        ("model/bert.py", "model.lazy import late", "other.lazy import late", {"bert.helper", "-lazy.late"}),
        ("model/layout.py", "len", "max", {"layout.model"}),
        ("model/lazy.py", "return x", "return -x", {"lazy.late"}),
        ("model/sizes.py", "SIZES.append(SIZE)", "SIZES.append(7)", {"sizes.<statements>"}),
        ("model/combine/pcgrad.py", "1e-8", "1e-7", {"combine.pcgrad.EPS"}),
        ("model/__init__.py", "\n", "\nprint()\n", {"<statements>"}),
        ("model/combine/__init__.py", "", "print()\n", {"combine.<statements>"}),
    ],
)
def test_what_executes_changes_its_definition_alone(
    project: Path, name: str, old: str, new: str, changed: set[str]
) -> None:
    before = digest_definitions(START, project)
    edit(project, name, old, new)
    after = digest_definitions(START, project)
    gone = {name.removeprefix("-") for name in changed if name.startswith("-")}
    assert {f"model.{name}" for name in gone} == before.keys() - after.keys()
    differing = {f"model.{name}" for name in changed if not name.startswith("-")}
    assert {name for name in after if after[name] != before.get(name)} == differing


# Every kind of syntax; its digest stands here, so that another Python's tree of it would be seen.
SYNTAX = '''
import functools as ft
from typing import Any
import numpy.linalg as la

async def f(a, /, b: int = 1, *args: Any, c: "str" = "x", d, **kwargs) -> dict[str, int]:
    """Documentation."""
    x: list[int] = [*args, *[y for y in args if y if not y async for z in y]]
    plain = f"" "a" f"b{{}}" 'c' f'{a}{b!r:>{c}.{d}}' f"{x = }" f"{a=!s:^4}" f'{kwargs["k"]:}', rb"\\x", b"q" b"r"
    match a:
        case {"k": [1, -2.5, *rest], **others} if rest: pass
        case f.Point(x=0, y=None) | [True, "s"] as point: return others
        case 1 + 2j | _: ...
    if (n := len(x)) > 1 < 2 <= n is not None not in x: print(*x, sep="", **kwargs)
    elif x[1:2, ::3, ...]: x[0], *y = la.norm(x), lambda p, *q, r=1, **s: (p, q), u"kind"
    with (open(a) as g, open(b)): g.q += 1 @ 2 // 3 ** -4 if a else ~5
    async with a as h: await h; del h.x
    async for i in a: continue
    else: raise ValueError(1_000, 0x10, 1e3, 1E400, 2j, 10 ** 400) from None
    try: assert a, "no"
    except (A, B) as e: yield e
    finally: yield
    try: pass
    except* C: pass
    import os.path as p, sys
    @ft.wraps(a)
    @(lambda z: z)
    class Inner(dict, metaclass=type, **kwargs):
        """Documentation."""
        k: int
        v: "str" = f"{a:{b}c{d}}"
        def method(self): nonlocal plain; global G; G = plain = {**kwargs, 1: {2, 3}}; return super().x[*args]
    while True: break
'''


def test_every_python_gives_the_same_digest(tmp_path: Path) -> None:
    assert one(tmp_path, SYNTAX) == {"f": "34b7cf66a2d2789a"}


@pytest.mark.parametrize("source", ["from .a import b", "from os import *", "def f(:", "def f():\n    from . import a"])
def test_bad_source_is_named(tmp_path: Path, source: str) -> None:
    with pytest.raises(ValueError, match=r"model/m\.py: "):
        one(tmp_path, f"{source}\n")


@pytest.mark.parametrize("entry", ["model.nothing:f", "model.bert:nothing", "os:path", "model.bert:Net.forward"])
def test_an_entry_that_is_not_there_is_refused(project: Path, entry: str) -> None:
    code = Code(project)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"no (module|name) "):
            code.reach([entry])


def test_users_of_a_change_are_the_functions_that_execute_it(project: Path) -> None:
    reached = reach(START, project)
    assert reached.find_users(["model.bert.LIMIT"]) == {"model.bert.Net.forward"}
    assert reached.find_users(["model.sizes.SIZE"]) >= {"model.bert.Shape.area", "model.bert.Net.forward"}
    assert reached.find_users(["model.bert.helper"]) == {"model.bert.helper"}
    assert reached.find_users(["model.combine.pcgrad.EPS"]) == {"model.combine.pcgrad.combine"}


def test_entries_of_a_run() -> None:
    spec = {
        "schedule": [
            {"combine": "sum", "encoder": "finetuned"},
            {"combine": {"pcgrad": {"eps": 1.0}}, "encoder": "finetuned"},
        ],
        "tasks": {"sst": {"head": {"classify": {}}, "metric": "accuracy"}},
        "train": {"pooling": "mean", "regulariser": {"smart": {}}},
    }
    expected = """model.combine.pcgrad model.combine.sum model.heads.classify:Head
        model.pooling.mean model.rates.uniform:factor model.regularisers.smart:penalty
        model.schedules.constant:factor pipeline.evaluation.metrics.accuracy:LABELS
        pipeline.evaluation.metrics.accuracy:score pipeline.training.mixing.repeat:mix
        pipeline.training.sources.finetuned:Source"""
    assert entries_of_run(spec) == sorted([*expected.split(), *FIXED])
    assert not any("regularisers" in entry for entry in entries_of_run(spec | {"train": {"pooling": "mean"}}))
    with pytest.raises(ValueError, match="allowed: NAME or"):
        entries_of_run(spec | {"schedule": [{"combine": ["sum"], "encoder": "frozen"}]})


@pytest.mark.parametrize(("used", "other"), [("frozen", "finetuned"), ("finetuned", "frozen")])
def test_a_run_has_the_code_of_what_it_uses_and_no_other(used: str, other: str) -> None:
    spec = {
        "schedule": [{"combine": "sum", "encoder": used}],
        "tasks": {"para": {"head": "joined_classify", "metric": "accuracy"}},
        "train": {"pooling": "first_last"},
    }
    digests = reach(entries_of_run(spec), ROOT).digests
    for name in (
        f"pipeline.training.sources.{used}.Source",
        "model.reading.joined.pack",
        "model.pooling.first_last.LAYERS",
    ):
        assert name in digests
    for name in (
        f"pipeline.training.sources.{other}.Source",
        "model.reading.pair.Layer",
        "model.pooling.attention.pool",
    ):
        assert name not in digests


@pytest.mark.parametrize("test", ["__name__ != '__main__'", "__name__ == 'model.a'"])
def test_only_the_test_for_main_is_left_out(tmp_path: Path, test: str) -> None:
    source = "X = 1\nif {}:\n    X = {}\ndef f():\n    return X\n"
    assert one(tmp_path, source.format(test, 2)) != one(tmp_path, source.format(test, 3))
    main = "__name__ == '__main__'"
    assert one(tmp_path, source.format(main, 2)) == one(tmp_path, source.format(main, 3))


def test_the_real_closure() -> None:
    digests = Code(ROOT).reach(FIXED).digests
    for name in ("model.bert.MiniBert.forward", "model.adamw.AdamW.step", "model.kernels.attend"):
        assert name in digests
    assert "pipeline.training.loop.Training" in digests
    foreign = ("pipeline.config", "pipeline.tracking", "pipeline.reporting", "pipeline.gate", "stages.", "bench.")
    assert not [name for name in digests if name.startswith(foreign)]
    assert "pipeline.runs.layout.encoder" not in digests  # a path that neither training nor evaluation asks for
    assert combine_digests(digests) == combine_digests(dict(reversed(digests.items())))


def test_the_real_tree_written_anew_is_the_same(tmp_path: Path) -> None:
    """Without a comment, in another layout and with other docstrings."""
    for path in [*ROOT.glob("model/**/*.py"), *ROOT.glob("pipeline/**/*.py")]:
        tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
                node.body[0] = ast.Expr(ast.Constant("Another."))
        write(tmp_path, path.relative_to(ROOT).as_posix(), ast.unparse(tree))
    assert digest_definitions(FIXED, tmp_path) == digest_definitions(FIXED, ROOT)
