"""The README: its tables are those that the last runs left in results/, its tree and its commands what there is."""

import re
from pathlib import Path

from pipeline.reporting.readme import find_stale

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tables_are_those_of_results():
    assert README.count("<!-- table2 ") == 2, "the README shows table 2 of a real run and of the sample"
    assert find_stale(README, ROOT / "results") == []


def test_the_tree_has_a_line_for_every_room():
    tree = README.partition("## The tree")[2].partition("```\n")[2].partition("```")[0]
    named, folder = set(), ""
    for line in tree.splitlines():
        name = line.split()[0]
        folder = folder if line.startswith(" ") else name if name.endswith("/") else ""
        named.add(f"{folder}{name}" if line.startswith(" ") else name)
    assert all((ROOT / name).exists() for name in named), "it names nothing that is not there"
    files = {f"model/{path.name}" for path in (ROOT / "model").glob("*.py") if path.name != "__init__.py"}
    folders = {f"pipeline/{path.parent.name}/" for path in (ROOT / "pipeline").glob("*/__init__.py")}
    assert files | folders <= named


def test_the_commands_that_it_names_are_there():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    makes = set(re.findall(r"^    make (\w+)", README, re.MULTILINE)) | set(re.findall(r"`make (\w+)", README))
    assert {"run", "test", "track", "ui", "check", "bless", "review", "bench"} <= makes <= targets
    stages = set(re.findall(r"python -m stages\.(\w+)", README))
    assert stages and all((ROOT / "stages" / f"{stage}.py").is_file() for stage in stages)
