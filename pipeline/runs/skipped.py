"""Runs that plan leaves out: a recipe that no row starts from, a row's further seeds. Their stages say why."""

from collections.abc import Callable
from pathlib import Path

from pipeline.files.atomic import atomic_folder, read_json

REASON = "skipped.txt"


def skip_run(path: Path, *outputs: Callable[[str, str, str, int], Path]) -> bool:
    """Whether the run file says that it is skipped; then the reason is left in each of its `outputs`, for DVC."""
    spec = read_json(path)
    if not isinstance(spec, dict) or "skipped" not in spec:
        return False
    for output in outputs:
        with atomic_folder(output(spec["profile"], spec["phase"], spec["row"], spec["seed"])) as folder:
            (folder / REASON).write_text(f"{spec['skipped']}\n", encoding="utf-8")
    return True
