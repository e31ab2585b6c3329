"""Would the tests notice? Breaks one line in each of thirty functions and runs the tests that could see it.

    python -m studies.mutations --output mutations.csv [--seed 0] [--number 30] [--rest] [--only 3 17]

Functions are drawn by seed, from every room of model/, pipeline/ and stages/ in turn; each is broken in a copy of the
working tree, so nothing here changes. The tests run until one fails: of the files that name the broken one, of its
room; with `--rest`, all others too. A break that survives is one that no test catches or one that changes nothing:
which of the two, a reader says.
"""

import argparse
import ast
import csv
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("model", "pipeline", "stages")
SECONDS = 1200  # after which a break has made something wait for ever
BOUNDS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
BOUNDS |= {ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is}
SIGNS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.And: ast.Or, ast.Or: ast.And}
LAST = "swapped arguments"  # most crash: only where a function has nothing else to break


@dataclass(frozen=True)
class Break:
    """One expression of a function in another form; offsets are of the file's bytes."""

    file: str
    function: str
    kind: str
    line: int
    start: int
    end: int
    old: str
    new: str

    @property
    def room(self) -> str:
        """model, a folder of pipeline, or stages."""
        return room(self.file)


def room(file: str) -> str:
    """model, a folder of pipeline, or stages."""
    parts = file.split("/")
    return "/".join(parts[: 2 if parts[0] == "pipeline" and len(parts) > 2 else 1])


def variants(node: ast.AST) -> Iterator[tuple[str, ast.expr, ast.expr]]:
    """(kind, expression, what takes its place) of every way in which a node can be broken."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in BOUNDS:
        new = deepcopy(node)
        new.ops = [BOUNDS[type(node.ops[0])]()]
        yield "bound", node, new
    if isinstance(node, (ast.BinOp, ast.BoolOp)) and type(node.op) in SIGNS:
        new = deepcopy(node)
        new.op = SIGNS[type(node.op)]()
        yield "sign", node, new
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield "sign", node, node.operand
    if isinstance(node, ast.If):
        yield "missing check", node.test, ast.Constant(False)
    if isinstance(node, ast.Call) and len(node.args) > 1 and not any(isinstance(a, ast.Starred) for a in node.args[:2]):
        new = deepcopy(node)
        new.args[:2] = reversed(new.args[:2])
        yield LAST, node, new
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield "off by one", node, ast.Constant(node.value + 1)


def walk_code(node: ast.AST) -> Iterator[ast.AST]:
    """A function's nodes without annotations, inner functions and the text of f-strings."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, (ast.FunctionDef, ast.JoinedStr)):
                yield child
                yield from walk_code(child)


def find_breaks(path: Path, root: Path = ROOT) -> dict[str, list[Break]]:
    """Every break of every function in a file, by the function's name."""
    source = path.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: dict[str, list[Break]] = {}
    file = path.relative_to(root).as_posix()
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        name = f"{function.name}:{function.lineno}"
        for node in walk_code(function):
            for kind, old, new in variants(node):
                start = starts[old.lineno - 1] + old.col_offset
                end = starts[old.end_lineno - 1] + old.end_col_offset
                before = source[start:end].decode()
                text = f"({ast.unparse(ast.fix_missing_locations(new))})"
                found.setdefault(name, []).append(Break(file, name, kind, old.lineno, start, end, before, text))
    return found


def draw(seed: int, number: int, root: Path = ROOT) -> list[Break]:
    """`number` breaks of as many functions: rooms in turn, then a function, a kind and a place by chance."""
    rooms: dict[str, list[list[Break]]] = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            for breaks in find_breaks(path, root).values():
                rooms.setdefault(breaks[0].room, []).append(breaks)
    rng = random.Random(seed)
    order = sorted(rooms)
    rng.shuffle(order)
    for functions in rooms.values():
        rng.shuffle(functions)
    drawn: list[Break] = []
    while len(drawn) < number:
        if not any(rooms.values()):
            raise ValueError(f"--number {number}: there are only {len(drawn)} functions to break")
        for name in order:
            if rooms[name] and len(drawn) < number:
                breaks = rooms[name].pop()
                kinds = {each.kind for each in breaks}
                kind = rng.choice(sorted(kinds - {LAST} or kinds))
                drawn.append(rng.choice([each for each in breaks if each.kind == kind]))
    return drawn


def order_tests(broken: Break, root: Path, rest: bool) -> list[list[str]]:
    """The lots of test files to run: of the file's name, those that name it, its room's; the rest, the graph last."""
    files = sorted(path.relative_to(root).as_posix() for path in (root / "tests").rglob("test_*.py"))
    parts = list(Path(broken.file).with_suffix("").parts)
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    names = rf"\b{'.'.join(parts)}\b|\bfrom {'.'.join(parts[:-1])} import .*\b{parts[-1]}\b"
    graph = [file for file in files if file.startswith("tests/graph/")]
    own = [file for file in files if re.search(names, (root / file).read_text())]
    of_room = [file for file in files if room(file.removeprefix("tests/")) == broken.room]
    lots, seen = [], set() if rest else set(graph)
    for lot in ([file for file in files if file.endswith(f"/test_{parts[-1]}.py")], own, of_room, *[files] * rest):
        lots.append([file for file in sorted(lot, key=graph.__contains__) if file not in seen])
        seen |= set(lot)
    return [lot for lot in lots if lot]


def copy_tree(folder: Path) -> None:
    """What git knows or would, as it is now, and the way to its environment."""
    names = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True).splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "copy"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def find_failure(broken: Break, root: Path, rest: bool) -> str:
    """The first test that fails, or nothing."""
    path = root / broken.file
    source = path.read_bytes()
    path.write_bytes(source[: broken.start] + broken.new.encode() + source[broken.end :])
    try:
        for lot in order_tests(broken, root, rest):
            command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *lot]
            environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "BERTY_THREADS": "1", "OMP_NUM_THREADS": "1"}
            try:
                done = subprocess.run(
                    command, cwd=root, env=environment, capture_output=True, text=True, timeout=SECONDS
                )
            except subprocess.TimeoutExpired:
                return f"no end after {SECONDS} s"
            if done.returncode not in (0, 5):
                failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
                return failed[1] if failed else (done.stdout + done.stderr)[-200:]
    finally:
        path.write_bytes(source)
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="a line per break")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--number", type=int, default=30)
    parser.add_argument("--rest", action="store_true", help="all other tests too: minutes for each that survives")
    parser.add_argument("--only", type=int, nargs="+", metavar="N", help="these of the breaks, counted from 1")
    arguments = parser.parse_args()
    os.nice(10)
    drawn = draw(arguments.seed, arguments.number)
    with tempfile.TemporaryDirectory() as folder, arguments.output.open("w", newline="") as file:
        root = Path(folder) / "project"
        copy_tree(root)
        writer = csv.writer(file)
        writer.writerow(["number", "place", "function", "kind", "old", "new", "caught by"])
        for number, broken in enumerate(drawn, 1):
            if arguments.only and number not in arguments.only:
                continue
            failed = find_failure(broken, root, arguments.rest)
            place = f"{broken.file}:{broken.line}"
            print(f"{number} {place} {broken.kind}: {broken.old} -> {broken.new}: {failed or 'SURVIVED'}", flush=True)
            writer.writerow([number, place, broken.function, broken.kind, broken.old, broken.new, failed])
            file.flush()


if __name__ == "__main__":
    main()
