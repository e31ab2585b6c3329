"""Where the steps of a leg get a model's outputs from, by what the leg says of its encoder; a file each.

A file NAME.py has a class `Source(model, data, max_tokens)`, `data` being the leg's tasks, with

    output(task, indices, fixed=None, draw=None) -> (output, number of tokens)     of training examples
    predict(task, split, indices) -> predictions_n                                 in evaluation mode

`draw` is the seed of the sentences' augmentation.

They are found by name, so that a run's key holds the code of those that its legs use alone (pipeline/runs/code.py).
"""

from model.registry import Registry

SOURCES = Registry(__name__, "Source")
