"""How names are followed to what they mean: shadowing, packages, aliases, branches, and the order of definitions."""

from pathlib import Path

import pytest

from pipeline.runs.code import digest_definitions


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def one(root: Path, source: str, entry: str = "f") -> dict[str, str]:
    """The digests of a module's `f`, those of the module `m` named without it."""
    write(root, "model/m.py", source)
    digests = digest_definitions([f"model.m:{entry}"], root)
    return {name.removeprefix("model.m."): digest for name, digest in digests.items()}


@pytest.mark.parametrize(
    "body",
    """return [g for g in x]|return {g: h for g, h in x}|g = 1; return g|return lambda g: g|def g(): pass
    |for g in x: g()|with x as g: g()|del g|import g; g()|(g := 2) + g|return [(g := y) for y in x] + g
    |global k; k = 1|*g, _ = x""".split("|"),
)
def test_local_names_shadow_the_module(tmp_path: Path, body: str) -> None:
    found = one(tmp_path, f"def g(): pass\ndef h(): pass\ndef f(x):\n    {body.strip()}\n    return x\n")
    assert set(found) == {"f"}


@pytest.mark.parametrize(
    "source",
    [
        "def f(x):\n    global g\n    g = x\n",
        "def f(x):\n    def inner():\n        global g\n        return g\n    g = 1\n",
        "class f:\n    g = 1\n    def method(self): return g\n",
        "class f:\n    h = [g for _ in x]\n    g = 1\n",
        "class f:\n    g = g\n",
        "def f(g=g): pass\n",
        "@g\ndef f(): pass\n",
        "def f(x): return [g for _ in g]\n",
        "async def f():\n    async with g() as x: return f'{x:{g}}'\n",
        "if x:\n    def f(): return g\n",
        "f = k = lambda: g\n",
    ],
)
def test_what_is_not_shadowed_is_reached(tmp_path: Path, source: str) -> None:
    assert "g" in one(tmp_path, f"g = 0\n{source}")


def test_names_resolve_through_packages_aliases_and_branches(tmp_path: Path) -> None:
    write(tmp_path, "model/__init__.py", "from model.a import value as exported\n")
    write(tmp_path, "model/a.py", "def value(): pass\ndef other(): pass\n")
    assert "model.a.value" in one(tmp_path, "import model as m\ndef f(): return m.exported()\n")
    assert "model.a.other" in one(tmp_path, "import model.a\ndef f(): return model.a.other()\n")
    assert "model.a.other" not in one(tmp_path, "import model.a\ndef f(): return model.a.value.other()\n")
    assert {"model.a.value", "model.a.other"} <= set(one(tmp_path, "from model import a\ndef f(): return vars(a)\n"))
    assert {"model.a.value", "g"} <= set(one(tmp_path, "from model.a import value as score\ng = 1\n", entry=""))
    branches = "try:\n    from model.a import value as g\nexcept ImportError:\n    g = None\ndef f(): return g\n"
    assert {"model.a.value", "<statements>"} <= set(one(tmp_path, branches))
    typing = "if TYPE_CHECKING:\n    from model.a import value\ndef f(x: value): pass\n"
    assert set(one(tmp_path, typing + "if __name__ == '__main__':\n    f()\n")) == {"f"}
    write(tmp_path, "model/effect.py", "print()\n")
    assert "model.effect.<statements>" in one(tmp_path, "import model.effect\ndef f(): pass\n")
    assert "model.effect.<statements>" in one(tmp_path, "def f():\n    import model.effect\n")
    assert set(one(tmp_path, "from model import a\ndef f(): return a.__file__\n")) == {"f"}


def test_order_and_constants_count(tmp_path: Path) -> None:
    values = "1 1.0 True '1' b'1' None ... 0.0 -0.0 1j -1 () [] {} {1} {1:2} {**{}} a[:] a[::1] f'{a}' f'{a!r}' f'{a=}'"
    digests = [one(tmp_path, f"f = {value}\n")["f"] for value in values.split()]
    assert len(set(digests)) == len(digests)
    loop = "for a, b in []:\n    f = a - b\n"
    assert one(tmp_path, loop) != one(tmp_path, loop.replace("a - b", "b - a"))
