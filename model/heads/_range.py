"""The range of a task's labels, for the heads whose scores lie on it."""

from model.heads import TaskShape


def find_range(task: TaskShape, head: str) -> tuple[float, float]:
    """The smallest and the largest score; a task without a `label_range` is a `ValueError` that names the head."""
    if task.label_range is None:
        raise ValueError(f"the head {head} needs the task's label_range: two numbers, the smaller first")
    return task.label_range
