"""Rows whose start labels sentences of other tasks (pipeline/training/pseudo_labels.py): where it cannot."""

from collections.abc import Iterator

from model.registry import find_option_faults
from pipeline.config.schema import Iteration, Params
from pipeline.config.selection import row_tasks, scheduled_tasks
from pipeline.training.pseudo_labels import choose_confident


def find_pseudo_label_faults(params: Params) -> Iterator[str]:
    """A text for each task of a row's `pseudo_labels` that its start cannot label, and for each wrong option."""
    for name, row in params.iterations.items():
        for task, options in row.pseudo_labels.items():
            where = f"iterations.{name}.pseudo_labels.{task}"
            yield from (f"{where}: {fault}" for fault in _find_task_faults(task, row, params))
            yield from (f"{where}: {fault}" for fault in find_option_faults(choose_confident, options))


def _find_task_faults(task: str, row: Iteration, params: Params) -> Iterator[str]:
    """The first thing that is wrong: the rest may follow from it."""
    if row.start not in params.phase1:
        allowed = ", ".join(params.phase1)
        yield f"it starts from the {row.start}, which has no trained head; allowed: a start among {allowed}"
        return
    trained, scheduled = scheduled_tasks(params.phase1[row.start].schedule), scheduled_tasks(row.schedule)
    shapes = {name: params.tasks[name] for name in [*trained, *scheduled]}
    can = [name for name in trained if len(shapes[name].sentences) == 1 and shapes[name].num_classes is not None]
    allowed = ", ".join(name for name in can if name in scheduled) or "none"
    if task not in params.tasks:
        yield f"{task!r} is unknown; allowed: {allowed}"
    elif task not in trained:
        yield f"its start {row.start} has not trained it; allowed: {allowed}"
    elif task not in can:
        yield f"its examples are no single sentences with classes; allowed: {allowed}"
    elif task not in scheduled:
        yield f"the row does not train it; allowed: {allowed}"
    elif len(row_tasks(row)) == 1:
        yield "the row has no other task, whose sentences it could take; its `tasks` may name some"
