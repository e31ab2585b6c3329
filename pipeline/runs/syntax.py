"""A definition's meaning as plain data: its syntax tree with names resolved, without comments, docstrings, positions.

The same under Python 3.11 to 3.14: what `ast` of these versions tells apart and what executes the same (empty fields,
`kind`, the pieces of f-strings) is one here. The standard library's documentation of `ast` has the nodes.
"""

import ast
from collections.abc import Callable, Container, Iterable
from typing import Any, NamedTuple

from pipeline.runs.scopes import FUNCTIONS, SKIPPED, Import, Names, executes, list_executed, name_types, walk_class


class Origins(NamedTuple):
    """What a Reader asks about names that are not local."""

    module: str
    bound: Container[str]  # the names at the module's top; all others are built in
    follow: Callable[[Import, list[str]], tuple[set[str], list[str]]]  # and attributes -> origins, attributes left
    execute: Callable[[str], None]  # told of each module that an import statement names


class Reader:
    """Puts the nodes of one module as plain data."""

    def __init__(self, origins: Origins, outer: Names | None) -> None:
        """`outer` is what the class around the node has bound so far."""
        self.origins = origins
        self.scopes: list[Names] = [outer] if outer is not None else []

    def put_definition(self, node: ast.stmt) -> Any:
        """A statement at a module's top or a method; a class without its methods and nested classes."""
        return self._put_class(node, split=True) if isinstance(node, ast.ClassDef) else self.put(node)

    def put(self, node: Any) -> Any:
        """A node, a list of nodes or a field's plain value."""
        match node:
            case list():
                return [self.put(item) for item in node if not isinstance(item, ast.stmt) or self._counts(item)]
            case ast.Constant() | ast.MatchSingleton():
                return {"_": type(node).__name__, "value": _put_constant(node.value)}
            case ast.Name(ctx=ast.Store() | ast.Del()) if self._in_class() and node.id not in self.scopes[-1].outer:
                return {"_": "Name", "id": node.id}  # what it binds counts from the next statement on
            case ast.Name():
                return self._put_name(node.id, [])[0]
            case ast.Attribute():
                return self._put_chain(node)
            case ast.JoinedStr():
                return {"_": "JoinedStr", "values": [self.put(piece) for piece in _merge(node.values)]}
            case ast.Import() | ast.ImportFrom():
                return self._put_import(node)
            case ast.AnnAssign():
                return self._put_assignment(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                return self._put_function(node)
            case ast.ClassDef():
                return self._put_class(node, split=False)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                return self._put_comprehension(node)
            case ast.AST():
                return self._put_fields(node)
        return node

    def _put_class(self, node: ast.ClassDef, split: bool) -> dict[str, Any]:
        """A class; where `split`, without its methods and nested classes."""
        header = self._put_fields(node, leave_out={"bases", "keywords", "body"})
        if types := name_types(node):
            self.scopes.append(types)
        header |= {"bases": self.put(node.bases), "keywords": self.put(node.keywords), "body": []}
        for statement, names in walk_class(node):
            if not split or not isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
                self.scopes.append(names)
                header["body"] += self.put([statement])
                self.scopes.pop()
        if types:
            self.scopes.pop()
        return header

    def _counts(self, statement: ast.stmt) -> bool:
        bare = isinstance(statement, ast.AnnAssign) and statement.value is None
        return executes(statement) and not (bare and not self._in_class())

    def _in_class(self) -> bool:
        return bool(self.scopes) and self.scopes[-1].is_class

    def _put_fields(self, node: ast.AST, leave_out: Iterable[str] = ()) -> dict[str, Any]:
        fields = ((name, value) for name, value in ast.iter_fields(node) if name not in SKIPPED | set(leave_out))
        values = {name: self.put(value) for name, value in fields}
        if isinstance(node, ast.FormattedValue) and values["format_spec"] == {"_": "JoinedStr", "values": []}:
            del values["format_spec"]  # f"{x:}"
        return {"_": type(node).__name__} | {name: value for name, value in values.items() if value not in (None, [])}

    def _put_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> dict[str, Any]:
        result = self._put_fields(node, leave_out={"body"})  # decorators and defaults are of the scope around
        scope = name_types(node) or Names()
        arguments = node.args
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        scope.others |= {argument.arg for argument in named if argument}
        scope.add_all([node.body])
        self.scopes.append(scope)
        result["body"] = self.put(node.body)
        self.scopes.pop()
        return result

    def _put_comprehension(self, node: Any) -> dict[str, Any]:
        iterables = [self.put(node.generators[0].iter)]  # of the scope around
        scope = Names()
        scope.add_all(generator.target for generator in node.generators)
        self.scopes.append(scope)
        result = self._put_fields(node, leave_out={"generators"})
        iterables += [self.put(generator.iter) for generator in node.generators[1:]]
        generators = [self._put_fields(generator, leave_out={"iter"}) for generator in node.generators]
        self.scopes.pop()
        pairs = zip(generators, iterables, strict=True)
        return result | {"generators": [generator | {"iter": iterable} for generator, iterable in pairs]}

    def _put_assignment(self, node: ast.AnnAssign) -> dict[str, Any]:
        """With its annotation in a class; elsewhere as what it executes as."""
        if self._in_class():
            return self._put_fields(node) | {"annotation": self.put(node.annotation)}
        return {"_": "Assign", "targets": [self.put(node.target)], "value": self.put(node.value)}

    def _put_import(self, node: ast.Import | ast.ImportFrom) -> dict[str, Any]:
        names = sorted(executed := list_executed(node))
        for module in executed:
            self.origins.execute(module)
        return {"_": "Import", "names": names}

    def _put_chain(self, node: ast.Attribute) -> Any:
        attributes, inner = [node.attr], node.value
        while isinstance(inner, ast.Attribute):
            attributes, inner = [inner.attr, *attributes], inner.value
        if isinstance(inner, ast.Name):
            result, attributes = self._put_name(inner.id, attributes)
        else:
            result = self.put(inner)
        for attribute in attributes:
            result = {"_": "Attribute", "value": result, "attr": attribute}
        return result

    def _put_name(self, name: str, attributes: list[str]) -> tuple[Any, list[str]]:
        """A name, and those of the attributes after it that do not belong to its origin."""
        imports, is_local = self._find(name)
        if not imports:
            return {"_": "Name", "id" if is_local else "builtin": name}, attributes
        if len(imports) == 1 and not is_local:
            origins, attributes = self.origins.follow(imports[0], attributes)
            return {"_": "Name", "origins": sorted(origins)}, attributes
        origins = set().union(*(self.origins.follow(origin, [])[0] for origin in imports))
        return {"_": "Name", "origins": sorted(origins)} | ({"id": name} if is_local else {}), attributes

    def _find(self, name: str) -> tuple[list[Import], bool]:
        """Where a name comes from, and whether the scopes around bind it otherwise than by an import."""
        for depth, scope in enumerate(reversed(self.scopes)):
            if scope.is_class and depth:
                continue  # functions do not see the names of the class around them
            if name in scope.outer:
                break
            if name in scope:
                return scope.imports.get(name, []), name in scope.others
        return ([Import(self.origins.module, name)] if name in self.origins.bound else []), False


def _put_constant(value: Any) -> list[str]:
    """A constant with its type: 1, 1.0, True, "1" and b"1" differ."""
    match value:
        case str():
            return ["str", value]
        case int() if not isinstance(value, bool):
            return ["int", hex(value)]  # decimal digits are limited in number
    return [type(value).__name__, repr(value)]


def _merge(pieces: list[ast.expr]) -> list[ast.expr]:
    """The pieces of an f-string, those of text joined where they meet, empty ones left out."""
    merged: list[ast.expr] = []
    for piece in pieces:
        if isinstance(piece, ast.JoinedStr):
            merged = _merge([*merged, *piece.values])
        elif not isinstance(piece, ast.Constant):
            merged.append(piece)
        elif merged and isinstance(merged[-1], ast.Constant):
            merged[-1] = ast.Constant(merged[-1].value + piece.value)
        elif piece.value:
            merged.append(piece)
    return merged
