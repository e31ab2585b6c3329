"""Tables in README.md and docs/, copied from the results between markers, so that no number there is typed by hand.

A block opens with `<!-- table2 sample -->` (a table's name, a profile; `speed bench` is what `make bench` wrote) and
closes with `<!-- end -->`, each alone on its line.
"""

import re
from pathlib import Path

BLOCK_NAMES = ("paper", "table1", "table2", "controls", "speed")
_MARKER = re.compile(rf"^<!-- (?:(?P<end>end)|(?P<name>{'|'.join(BLOCK_NAMES)}) (?P<profile>\w+)) -->$", re.MULTILINE)


def render_readme(text: str, results_root: Path) -> str:
    """Replace what stands in every block by `results_root/<profile>/<name>.md`; the rest stays as it is.

    A block whose file is missing, or a marker without its partner, is a `ValueError` naming it.
    """
    rendered, position = [], 0
    for opening, closing in _blocks(text):
        rendered += [text[position : opening.end()], _content(opening, Path(results_root))]
        position = closing.start()
    return "".join([*rendered, text[position:]])


def find_stale(text: str, results_root: Path) -> list[str]:
    """The blocks whose content differs from the results, by marker (`table2 sample`)."""
    return [
        f"{opening['name']} {opening['profile']}"
        for opening, closing in _blocks(text)
        if text[opening.end() : closing.start()] != _content(opening, Path(results_root))
    ]


def _content(opening: re.Match[str], results_root: Path) -> str:
    path = results_root / opening["profile"] / f"{opening['name']}.md"
    if not path.is_file():
        raise ValueError(f"{opening[0]}: {path} does not exist")
    return f"\n{path.read_text(encoding='utf-8')}"


def _blocks(text: str) -> list[tuple[re.Match[str], re.Match[str]]]:
    markers = list(_MARKER.finditer(text))
    for index, marker in enumerate(markers):
        closes = index % 2 == 1
        if bool(marker["end"]) != closes:
            line = text.count("\n", 0, marker.start()) + 1
            raise ValueError(f"line {line}: {marker[0]} where {'<!-- end -->' if closes else 'a table'} was expected")
    if len(markers) % 2:
        raise ValueError(f"{markers[-1][0]} has no <!-- end -->")
    return list(zip(markers[::2], markers[1::2], strict=True))
