"""What Python's statements bind in a scope: names from imports, with their origins, and all others."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# Fields of syntax nodes that do not execute. Annotations of a class's own statements do, for dataclasses:
# `syntax.Reader` puts them back.
SKIPPED = {"ctx", "kind", "type_comment", "type_ignores", "type_params", "annotation", "returns"}

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Import(NamedTuple):
    """Where a name comes from: a module (`name` None) or a name in one."""

    module: str
    name: str | None = None


@dataclass
class Names:
    """What statements bind in their own scope: names from imports, with their origins, and all others."""

    imports: dict[str, list[Import]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    outer: set[str] = field(default_factory=set)  # declared global
    is_class: bool = False

    def __contains__(self, name: str) -> bool:
        return name in self.imports or name in self.others

    def copy(self) -> "Names":
        imports = {name: list(origins) for name, origins in self.imports.items()}
        return Names(imports, set(self.others), set(self.outer), self.is_class)

    def add(self, node: ast.AST) -> None:
        """Take in what a statement or an expression binds, leaving inner scopes alone."""
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.others.add(node.name)
                inner = {"body", "returns", "type_params"}
                self.add_all(child for name, child in ast.iter_fields(node) if name not in inner)
            case ast.Lambda():
                self.add_all([node.args])
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                walruses = (child for child in ast.walk(node) if isinstance(child, ast.NamedExpr))
                self.others |= {walrus.target.id for walrus in walruses}
            case ast.Import() | ast.ImportFrom():
                for name, origin in list_imports(node):
                    self.imports.setdefault(name, []).append(origin)
            case ast.Global():
                self.outer |= set(node.names)
            case ast.Nonlocal():
                pass
            case _:
                if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                    self.others.add(node.id)
                if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
                    self.others.add(node.name)
                if isinstance(node, ast.MatchMapping) and node.rest:
                    self.others.add(node.rest)
                self.add_all(child for name, child in ast.iter_fields(node) if name not in SKIPPED)

    def add_all(self, values: Iterable[Any]) -> None:
        for value in values:
            for node in value if isinstance(value, list) else [value]:
                if isinstance(node, ast.AST):
                    self.add(node)


def list_imports(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Import]]:
    """The names that an import binds, each with its origin; a star or a relative import is a `ValueError`."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (alias.asname, Import(alias.name)) if alias.asname else _first(alias.name)
        return
    if node.level or not node.module:
        raise ValueError(f"line {node.lineno}: a relative import; allowed: from PACKAGE.MODULE import NAME")
    for alias in node.names:
        if alias.name == "*":
            raise ValueError(f"line {node.lineno}: from {node.module} import *; allowed: names, one by one")
        yield alias.asname or alias.name, Import(node.module, alias.name)


def _first(module: str) -> tuple[str, Import]:
    return module.split(".")[0], Import(module.split(".")[0])


def executes(statement: ast.stmt) -> bool:
    """Whether a statement does anything: `pass` and a docstring or other bare constant do not."""
    is_constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return not is_constant and not isinstance(statement, ast.Pass)


def list_executed(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The modules that an import may execute: `from a import b` may be of a module a.b."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]


def walk_class(node: ast.ClassDef) -> Iterator[tuple[ast.stmt, Names]]:
    """A class's statements, each with the names that those before it have bound."""
    names = Names(is_class=True)
    for statement in node.body:
        yield statement, names.copy()
        names.add(statement)


def name_types(node: Any) -> Names | None:
    """The type parameters of a function or a class, Python 3.12 and later."""
    names = {parameter.name for parameter in getattr(node, "type_params", [])}
    return Names(others=names) if names else None
