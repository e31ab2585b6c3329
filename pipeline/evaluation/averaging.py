"""Averages of trained models: of their weights, which make a model again (Wortsman et al. 2022), or of their outputs.

The uniform soup of Wortsman et al. 2022, section 2, is the mean of the weights, of all that there is in a model and not
only of what training changed. The mean of the outputs is that of the class probabilities, or of the scores, example by
example. Both are summed in float64, in the order of the run file.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model.multitask import MultitaskModel
from pipeline.data.token_files import TokenSet
from pipeline.evaluation.device import choose_device
from pipeline.evaluation.evaluate import write_evaluation
from pipeline.evaluation.model_schema import MEMBERS
from pipeline.evaluation.predict import compute_outputs, predict
from pipeline.evaluation.saved_model import build_model, check_hash, fill_model
from pipeline.files.atomic import read_json
from pipeline.runs import layout
from pipeline.runs.neutral import fill_neutral
from pipeline.runs.run_files import Run
from pipeline.runs.versions import check_versions

# Shape suffixes: n examples, C classes.


def load_members(run: Run, root: Path = Path(".")) -> Iterator[MultitaskModel]:
    """The members' models, one after the other: the run file says what they are, the start file names their weights."""
    for member, trained in zip(run.spec["members"], run.start["members"], strict=True):
        if any(member[key] != trained[key] for key in ("row", "seed")):
            raise ValueError(f"{run.start_path}: of other members than {run.path}")
        check_hash(root / trained["weights"], trained["sha256"])
        described = fill_neutral({"tasks": member["tasks"], "train": member["train"], "schedule": []})
        model = build_model(described | {"encoder": run.spec["encoder"]}, seed=0, root=root)  # heads are overwritten
        fill_model(model, root / trained["weights"], list(member["tasks"]))
        yield model.to(choose_device())


def average_weights(models: Iterable[MultitaskModel]) -> dict[str, Tensor]:
    """The mean of every tensor of equal models, in the tensors' own type: a model's state."""
    sums: dict[str, Tensor] = {}
    count, state = 0, {}
    for model in models:
        count, state = count + 1, model.state_dict()
        for name, tensor in state.items():
            sums[name] = sums.get(name, 0.0) + tensor.detach().cpu().double()
    return {name: (total / count).to(state[name].dtype) for name, total in sums.items()}


def predict_mean(
    models: Iterable[MultitaskModel], task: str, tokens: TokenSet, indices: np.ndarray, max_tokens: int
) -> np.ndarray:
    """Predictions by the mean of the models' outputs, float32 of shape (n,), in the order of `indices`.

    Of classes a head predicts by the mean probabilities as it does by its own; where heads are of several kinds it is
    the likeliest class. Of scores it is the mean of the predictions.
    """
    total, count, kinds = 0.0, 0, set()
    for model in models:
        head, count = model.heads[task], count + 1
        kinds.add(type(head))
        if head.labels == "classes":
            output_nC = torch.from_numpy(compute_outputs(model, task, tokens, indices, max_tokens))
            total = total + output_nC.double().softmax(dim=-1)
        else:
            total = total + torch.from_numpy(predict(model, task, tokens, indices, max_tokens)).double()
    mean = total / count
    if head.labels == "classes":
        mean = head.cpu().predict(mean.log()) if len(kinds) == 1 else mean.argmax(dim=-1)
    return mean.float().numpy()


def evaluate_mean(run: Run, root: Path = Path(".")) -> dict[str, float]:
    """`evaluate` of the mean of its members' outputs. A member is in memory at a time, loaded anew for each task."""
    check_versions(run.spec["packages"])
    folder = layout.model(*run.place)
    if (key := read_json(root / folder / MEMBERS)["run_key"]) != run.key:
        raise ValueError(f"{folder}: made by run {key}, this is {run.key}")
    max_tokens = run.spec["train"]["evaluation_tokens"]

    def predict_all(task: str, dev: TokenSet) -> np.ndarray:
        return predict_mean(load_members(run, root), task, dev, np.arange(dev.num_examples), max_tokens)

    return write_evaluation(run, predict_all, root)
