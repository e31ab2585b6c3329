"""YAML as DVC reads it (ruamel.yaml, YAML 1.2), on PyYAML's parser: a scalar has one value in both or is refused."""

import math
import re
import reprlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import yaml

from pipeline.files.forms import MAX_WHOLE

MAX_VALUES = 100_000  # what aliases name counts each time: a few lines of them can ask for any memory and time
_TAG = "tag:yaml.org,2002:"
_REFUSED = "!refused"
# In this order. What both parsers take alike has its tag; what one of them takes for a number, boolean, date or
# null and the other otherwise is refused, and so are infinity and not-a-number, which no key allows.
_SCALARS = (
    (f"{_TAG}null", r"~|null|Null|NULL|"),
    (f"{_TAG}bool", r"true|True|TRUE|false|False|FALSE"),
    (f"{_TAG}int", r"[-+]?(?:0|[1-9][0-9]*)"),
    (f"{_TAG}float", r"[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+|[-+]?[0-9]+\.[0-9]*|[-+]?\.[0-9]+(?:[eE][-+][0-9]+)?"),
    (f"{_TAG}merge", r"<<"),
    (_REFUSED, r"(?=[-+.]*[0-9_])[-+]?[0-9_]*\.?[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?0[bo][0-7_]+|[-+]?0x[0-9a-fA-F_]+"),
    (_REFUSED, r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"),
    (_REFUSED, r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?|="),
    (_REFUSED, r"yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF"),
)
# No other scalar of more than 200 characters is anything but text; the patterns above would take seconds to say so.
_LONG, _SHORT = (_REFUSED, re.compile(r"[-+.0-9_eE:]{201,}$")), r"(?![^\n]{201})"
_WORDS = re.compile(r"[a-zA-Z]+")


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: ClassVar[dict] = {
        None: [_LONG, *((tag, re.compile(f"{_SHORT}(?:{text})$")) for tag, text in _SCALARS)]
    }


def read_yaml(path: Path) -> Any:
    """Read a YAML file. What DVC would read otherwise is a `ValueError`: a line for each fault, naming line and key.

    So are a file that is missing or is no YAML, a key that a mapping has twice, a number that is too large for the
    project's JSON, and more than `MAX_VALUES`.
    """
    path = Path(path)
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        if node and _count_values(node, {}) > MAX_VALUES:
            raise ValueError(f"more than {MAX_VALUES} values, with those that aliases name")
        faults = list(_find_faults(loader, node, (), set())) if node else []
        if not faults:
            return loader.construct_document(node) if node else None
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not a YAML file: {error}") from None
    raise ValueError("\n".join(f"{path}: {fault}" for fault in faults))


def write_yaml(content: Any) -> str:
    """The text of what `read_yaml` reads, its keys in their order."""
    return yaml.safe_dump(content, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120)


def _find_faults(
    loader: _Loader, node: yaml.Node, keys: tuple[str, ...], seen: set[int], in_flow: bool = False
) -> Iterator[str]:
    """`in_flow`: the node is within [ ] or { }, where libyaml, which DVC reads with, ends a plain text at a colon."""
    if id(node) in seen:  # an alias
        return
    seen.add(id(node))
    where = f"line {node.start_mark.line + 1}: {'.'.join(keys) or 'the file'}"
    if isinstance(node, yaml.ScalarNode):
        expected = loader.resolve(yaml.ScalarNode, node.value, (not node.style, bool(node.style)))
        if node.tag == _REFUSED:
            yield f"{where}: {node.value} is read in different ways by YAML parsers; {_advise(node.value)}"
        elif _is_too_large(node):
            allowed = f"whole numbers up to {MAX_WHOLE}, others up to 1.7e308"
            yield f"{where}: {reprlib.repr(node.value)} is too large; allowed: {allowed}"
        elif re.search("[\ud800-\udfff]", node.value):
            yield f"{where}: {node.value!a} is no text: it has half of a surrogate pair"
        elif node.tag != expected:
            yield f"{where}: {node.value!r} has the tag {node.tag}; allowed: a value without a tag"
        elif in_flow and not node.style and ":" in node.value:
            yield f'{where}: text with a colon has to be in quotes within [ ] and {{ }}: "{node.value}"'
        return
    in_flow = in_flow or bool(node.flow_style)
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _find_faults(loader, item, (*keys, str(number)), seen, in_flow)
    else:
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            yield from _find_faults(loader, key, (*keys, name), seen, in_flow)
            if name in lines:
                yield f"line {line}: {'.'.join((*keys, name))}: is there twice, first in line {lines[name]}"
            lines.setdefault(name, line)
            yield from _find_faults(loader, value, (*keys, name), seen, in_flow)


def _count_values(node: yaml.Node, counts: dict[int, int]) -> int:
    """How many values a node holds, itself and keys among them."""
    if id(node) not in counts:
        counts[id(node)] = 1  # for one that holds itself
        inner = node.value if isinstance(node, yaml.SequenceNode) else []
        if isinstance(node, yaml.MappingNode):
            inner = [part for pair in node.value for part in pair]
        counts[id(node)] += sum(_count_values(part, counts) for part in inner)
    return counts[id(node)]


def _is_too_large(node: yaml.ScalarNode) -> bool:
    if node.tag == f"{_TAG}int":
        return abs(int(node.value)) > MAX_WHOLE
    return node.tag == f"{_TAG}float" and math.isinf(float(node.value))


def _advise(value: str) -> str:
    if _WORDS.fullmatch(value):
        return f'write true or false, or the text in quotes: "{value}"'
    return f'write a plain decimal number, or the text in quotes: "{value}"'
