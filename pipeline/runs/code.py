"""The code that a run executes, by meaning: the definitions reached by name from its entry points, each with a digest.

A definition is a module-level function, class (its header and body, `module.Class`; each method and nested class on its
own) or assignment, or `module.<statements>`: what else importing a module executes. What is called only by way of a
string (the entries of a registry) is not reached: `entries_of_run` names it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.files.digest import hash_bytes
from pipeline.runs.modules import STATEMENTS, Module, find_file, read_module
from pipeline.runs.neutral import fill_neutral
from pipeline.runs.scopes import FUNCTIONS, Import
from pipeline.runs.syntax import Origins, Reader

# The code that counts; all other modules count by their names.
PACKAGES = ("model", "pipeline", "stages", "bench")

# Where every run begins, and the class of what it is given.
RUN_ENTRIES = (
    "pipeline.training.loop:Training",
    "pipeline.evaluation.evaluate:evaluate",
    "pipeline.runs.run_files:Run",
)
RANKS = "pipeline.training.ranks"  # where a run of several processes goes on, all of the file
PSEUDO_LABELS = "pipeline.training.pseudo_labels:add_pseudo_labels"  # what comes before the loop, where a row has them
# The same of a run that averages others, by what of them.
AVERAGE_ENTRIES = {
    "outputs": (
        "pipeline.training.average:average",
        "pipeline.evaluation.averaging:evaluate_mean",
        "pipeline.runs.run_files:Run",
    ),
    "weights": (
        "pipeline.training.average:average",
        "pipeline.evaluation.evaluate:evaluate",
        "pipeline.runs.run_files:Run",
    ),
}


@dataclass(frozen=True)
class Reached:
    """The definitions that entry points reach: their digests (16 hex digits) and the definitions that each names.

    A class names its methods and they name it. `functions` are those definitions that are functions or methods.
    """

    digests: dict[str, str]
    edges: dict[str, frozenset[str]]
    functions: frozenset[str]

    def find_users(self, names: Iterable[str]) -> set[str]:
        """The functions that show a change of `names` when they are called.

        A function itself; of a constant or a class those that name it, directly or by way of other constants and
        classes. Nothing where only importing the module executes it.
        """
        found: set[str] = set()
        waiting, seen = list(names), set()
        while waiting:
            name = waiting.pop()
            if name in self.functions:
                found.add(name)
            elif name not in seen:
                seen.add(name)
                waiting += [user for user, used in self.edges.items() if name in used]
        return found


def digest_definitions(entry_points: Iterable[str], root: Path) -> dict[str, str]:
    """The digests of what `entry_points` reach; for many runs ask one `Code`, which reads each file once."""
    return Code(root).reach(entry_points).digests


def reach(entry_points: Iterable[str], root: Path) -> Reached:
    return Code(root).reach(entry_points)


def combine_digests(digests: dict[str, str]) -> str:
    """One SHA-256, 64 hex digits, of `digest_definitions`."""
    return hash_bytes(json.dumps(digests, sort_keys=True, separators=(",", ":")).encode())


def entries_of_run(spec: dict[str, Any]) -> list[str]:
    """The entry points of a run file: training, evaluation, and the registry entries that it names."""
    spec = fill_neutral(spec)
    train = spec["train"]
    entries = set(AVERAGE_ENTRIES[spec["average"]] if "average" in spec else RUN_ENTRIES)
    for leg in spec["schedule"]:  # all of a method's file: `head_weights`, which some have, is found by its name
        entries |= {f"model.combine.{_name(leg['combine'])}", f"pipeline.training.sources.{leg['encoder']}:Source"}
    for model in (spec, *spec.get("members", [])):
        for task in model["tasks"].values():
            metric = f"pipeline.evaluation.metrics.{_name(task['metric'])}"
            entries |= {f"model.heads.{_name(task['head'])}:Head", f"{metric}:score", f"{metric}:LABELS"}
        entries.add(f"model.pooling.{_name(model['train']['pooling'])}")  # all of it: some names in it are optional
    if "average" in spec:
        return sorted(entries)
    entries.add(f"model.schedules.{_name(train['learning_rate_schedule'])}:factor")
    entries.add(f"model.rates.{_name(train['rates'])}:factor")
    entries.add(f"pipeline.training.mixing.{_name(train['mixing'])}:mix")
    if train["world_size"] > 1:
        entries.add(RANKS)
    if "pseudo_labels" in spec:
        entries.add(PSEUDO_LABELS)
    if train["average"] is not None:
        entries.add(f"model.averages.{_name(train['average'])}:share")
    if train["regulariser"] is not None:
        entries.add(f"model.regularisers.{_name(train['regulariser'])}:penalty")
    if train["augmentation"] is not None:
        entries.add(f"pipeline.training.augmentation.{_name(train['augmentation'])}:augment")
    return sorted(entries)


def _name(choice: Any) -> str:
    if isinstance(choice, str):
        return choice
    if isinstance(choice, dict) and len(choice) == 1:
        return next(iter(choice))
    raise ValueError(f"{choice!r}: allowed: NAME or {{NAME: {{option: value}}}}")


class _Definition(NamedTuple):
    digest: str
    edges: frozenset[str]
    executed: frozenset[str]  # modules that its own import statements name
    is_function: bool


class _Target(NamedTuple):
    """What a name leads to: a definition (`key`), a module of the project, or neither: something outside."""

    origin: str
    key: str | None = None
    module: str | None = None


class Code:
    """The code below a root, read as it is asked for and no file or definition twice."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._modules: dict[str, Module] = {}
        self._owners: dict[str, str] = {}  # definition -> module
        self._definitions: dict[str, _Definition] = {}
        self._targets: dict[Import, list[_Target]] = {}

    def reach(self, entry_points: Iterable[str]) -> Reached:
        """What `module:name` or `module` (the whole of it) reach; one that is not there is a `ValueError`."""
        waiting: list[str] = []
        for entry in entry_points:
            module, _, name = entry.partition(":")
            if not self._is_module(module):
                raise ValueError(f"{entry}: no module {module} below {self.root}")
            for target in self._find(Import(module, name or None)):
                waiting += self._keys(target)
        reached, executed = set(), set()
        while waiting:
            key = waiting.pop()
            if key not in reached:
                reached.add(key)
                definition = self._define(key)
                waiting += definition.edges
                for module in (self._owners[key], *definition.executed):
                    waiting += self._execute(module, executed)
        definitions = {key: self._definitions[key] for key in sorted(reached)}
        return Reached(
            {key: definition.digest for key, definition in definitions.items()},
            {key: definition.edges for key, definition in definitions.items()},
            frozenset(key for key, definition in definitions.items() if definition.is_function),
        )

    def _execute(self, module: str, executed: set[str]) -> Iterator[str]:
        """The statements that importing a module executes: its own, its packages' and those of what it imports."""
        waiting = [module]
        while waiting:
            module = waiting.pop()
            if module and module not in executed and self._is_module(module):
                executed.add(module)
                if STATEMENTS in self._read(module).pieces:
                    yield f"{module}.{STATEMENTS}"
                waiting += [*self._read(module).executed, module.rpartition(".")[0]]

    def _define(self, key: str) -> _Definition:
        if key not in self._definitions:
            name = self._owners[key]
            module, local = self._read(name), key.removeprefix(f"{name}.")
            pieces = module.pieces[local]
            edges: set[str] = {f"{name}.{other}" for other in module.pieces if other.startswith(f"{local}.")}
            if "." in local:
                edges.add(key.rpartition(".")[0])
            executed: set[str] = set()

            def follow(origin: Import, attributes: list[str]) -> tuple[set[str], list[str]]:
                targets, attributes = self._follow(origin, attributes)
                edges.update(edge for target in targets for edge in self._keys(target))
                return {target.origin for target in targets}, attributes

            origins = Origins(name, module.bound, follow, executed.add)
            try:
                content = [Reader(origins, piece.outer).put_definition(piece.node) for piece in pieces]
            except ValueError as error:
                raise ValueError(f"{module.path}: {local}: {error}") from None
            text = json.dumps(content, sort_keys=True, separators=(",", ":"))
            digest = hashlib.sha256(text.encode()).hexdigest()[:16]
            is_function = all(isinstance(piece.node, FUNCTIONS) for piece in pieces)
            self._definitions[key] = _Definition(digest, frozenset(edges), frozenset(executed), is_function)
        return self._definitions[key]

    def _follow(self, origin: Import, attributes: list[str]) -> tuple[list[_Target], list[str]]:
        """Where an origin and the attributes after it lead, and the attributes that are left."""
        targets = self._find(origin)
        while attributes and len(targets) == 1 and not targets[0].key:
            if targets[0].module:
                targets, attributes = self._find(Import(targets[0].module, attributes[0])), attributes[1:]
            else:
                targets, attributes = [_Target(".".join([targets[0].origin, *attributes]))], []
        return targets, attributes

    def _find(self, origin: Import) -> list[_Target]:
        if origin not in self._targets:
            self._targets[origin] = []  # an import that leads back to itself finds nothing
            try:
                self._targets[origin] = self._look_up(*origin)
            except ValueError:
                del self._targets[origin]
                raise
        return self._targets[origin]

    def _look_up(self, module: str, name: str | None) -> list[_Target]:
        dotted = f"{module}.{name}" if name else module
        if not self._is_module(module):
            if module.split(".")[0] in PACKAGES and (self.root / module.split(".")[0]).is_dir():
                raise ValueError(f"no module {module} below {self.root}")
            return [_Target(dotted)]
        if name is None:
            return [_Target(module, module=module)]
        targets = []
        for binding in self._read(module).bound.get(name, []):
            found = [_Target(dotted, f"{module}.{binding}")] if isinstance(binding, str) else self._find(binding)
            targets += [target for target in found if target not in targets]
        if targets:
            return targets
        if self._is_module(dotted):
            return [_Target(dotted, module=dotted)]
        if name.startswith("__"):
            return [_Target(dotted)]  # __file__ and the like
        raise ValueError(f"{self._read(module).path}: no name {name}")

    def _keys(self, target: _Target) -> list[str]:
        """The definitions that a target reaches: of a module, all, and those that it imports by name."""
        if not target.module:
            return [target.key] if target.key else []
        module = self._read(target.module)
        imports = [binding for bindings in module.bound.values() for binding in bindings if isinstance(binding, Import)]
        imported = [found.key for binding in imports for found in self._find(binding) if found.key]
        return [*(f"{target.module}.{local}" for local in module.pieces), *imported]

    def _is_module(self, name: str) -> bool:
        return name.split(".")[0] in PACKAGES and find_file(self.root, name) is not None

    def _read(self, name: str) -> Module:
        if name not in self._modules:
            path = find_file(self.root, name)
            assert path is not None
            self._modules[name] = module = read_module(path)
            self._owners |= {f"{name}.{local}": name for local in module.pieces}
        return self._modules[name]
