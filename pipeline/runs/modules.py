"""What the files of the project define and bind at their top, without executing them."""

import ast
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pipeline.runs.scopes import FUNCTIONS, Import, Names, executes, list_executed, walk_class

# A module's key for what its other statements execute.
STATEMENTS = "<statements>"


class Piece(NamedTuple):
    node: ast.stmt
    outer: Names | None = None  # what the class around it has bound before it


@dataclass
class Module:
    """A file: what its top binds (imports, or the definition that binds the name), and its definitions' pieces."""

    path: Path
    bound: dict[str, list[Import | str]] = field(default_factory=dict)
    pieces: dict[str, list[Piece]] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)  # the modules that importing it may import

    def _add(self, body: list[ast.stmt]) -> None:
        for node in body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._bind(node, None)
                self.executed += list_executed(node)
            elif isinstance(node, FUNCTIONS):
                self._define(node.name, node)
            elif isinstance(node, ast.ClassDef):
                self._define_class(node.name, node, None)
            elif isinstance(node, ast.If) and _is_left_out(node.test):
                self._add(node.orelse)
            elif executes(node) and not (isinstance(node, ast.AnnAssign) and node.value is None):
                self._add_statement(node)

    def _add_statement(self, node: ast.stmt) -> None:
        if _assigns_names(node):
            for name in sorted(_names(node).others):
                self._define(name, node)
            return
        self.pieces.setdefault(STATEMENTS, []).append(Piece(node))
        self._bind(node, STATEMENTS)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Import | ast.ImportFrom):
                self.executed += list_executed(inner)

    def _bind(self, node: ast.stmt, definition: str | None) -> None:
        names = _names(node)
        for name, origins in names.imports.items():
            self.bound.setdefault(name, []).extend(origins)
        for name in names.others:
            self.bound.setdefault(name, []).append(definition)

    def _define(self, name: str, node: ast.stmt) -> None:
        self.pieces.setdefault(name, []).append(Piece(node))
        if name not in self.bound.setdefault(name, []):
            self.bound[name].append(name)

    def _define_class(self, name: str, node: ast.ClassDef, outer: Names | None) -> None:
        if outer is None:
            self._define(name, node)
        else:
            self.pieces.setdefault(name, []).append(Piece(node, outer))
        for statement, names in walk_class(node):
            if isinstance(statement, FUNCTIONS):
                self.pieces.setdefault(f"{name}.{statement.name}", []).append(Piece(statement, names))
            elif isinstance(statement, ast.ClassDef):
                self._define_class(f"{name}.{statement.name}", statement, names)


def find_file(root: Path, name: str) -> Path | None:
    """The file of module `name` below `root`; a folder without an __init__.py stands for itself."""
    path = root / name.replace(".", "/")
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return path if path.is_dir() else None


def read_module(path: Path) -> Module:
    """Read a file that `find_file` found; what is no Python, and star or relative imports, are a `ValueError`."""
    module = Module(path)
    try:
        tree = ast.parse(path.read_bytes() if path.is_file() else b"", path.name)
        module._add(tree.body)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None
    return module


def _names(node: ast.stmt) -> Names:
    names = Names()
    names.add(node)
    return names


def _assigns_names(node: ast.stmt) -> bool:
    """Whether a statement gives values to names and does nothing else."""
    match node:
        case ast.Assign():
            waiting = list(node.targets)
        case ast.AnnAssign():
            waiting = [node.target]
        case _:
            return type(node).__name__ == "TypeAlias"  # Python 3.12
    for target in waiting:
        if isinstance(target, ast.Tuple | ast.List):
            waiting += target.elts
        elif isinstance(target, ast.Starred):
            waiting.append(target.value)
        elif not isinstance(target, ast.Name):
            return False
    return True


def _is_left_out(test: ast.expr) -> bool:
    """`if TYPE_CHECKING:` and `if __name__ == "__main__":`, which importing does not execute."""
    if isinstance(test, ast.Compare):
        return ast.unparse(test) == "__name__ == '__main__'"
    return getattr(test, "id", getattr(test, "attr", None)) == "TYPE_CHECKING"
