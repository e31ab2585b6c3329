"""Pseudo-labels: a task trains on sentences of the other tasks too, labelled by the weights that its row starts from.

Lee 2013, "Pseudo-Label: the simple and efficient semi-supervised learning method for deep neural networks": the label
is what the model itself predicts, taken for true. As in self-training with a teacher (Du et al. 2021, "Self-training
improves pre-training for natural language understanding") it is given once, before the training, and only where the
teacher is confident. Of each class there are at most `share` times as many as the task has of it itself, the most
confident ones: a limit by class, as in Zou et al. 2018 ("Unsupervised domain adaptation for semantic segmentation via
class-balanced self-training"), so that the class which fits other text best, for sst the neutral one, does not swamp
the rest.

Nothing is from outside, and nothing of dev or test: the sentences are those of the other tasks' training examples, less
all that some task of the run is measured on. A test file no training reads.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch

from model.multitask import MultitaskModel
from model.registry import Bounds
from pipeline.data.token_files import TokenSet, make_token_set
from pipeline.evaluation.predict import compute_outputs
from pipeline.evaluation.saved_model import build_model, check_hash, fill_model
from pipeline.training.task_data import SELECTION, TaskData

if TYPE_CHECKING:
    from pipeline.training.loop import Training

# Shape suffixes: n sentences, C classes, m examples that the task trains on without pseudo-labels.


def add_pseudo_labels(training: "Training") -> None:
    """Add to a training's examples, for each task in `pseudo_labels` of its run file, those that its start labels.

    The record has their numbers by class among what it says of the start. All is a function of the run's files and of
    the start's weights, without a draw: a training that goes on from a checkpoint finds the same. Weights that are not
    those of the start file are a `ValueError`, as are tasks without a sentence to label.
    """
    spec, plain, told = training.run.spec, dict(training.data), {}
    model = _load_start(training)
    for task, options in spec["pseudo_labels"].items():
        sentences = list_sentences(task, plain)
        if not sentences:
            raise ValueError(f"{training.run.path}: pseudo_labels.{task}: the other tasks have no sentence that is new")
        labels_n, confidences_n = label(model, task, sentences, spec["train"]["evaluation_tokens"])
        own_m = plain[task].labels("train", plain[task].train_indices)
        chosen = choose_confident(labels_n, confidences_n, own_m, **options)
        training.data[task] = extend(plain[task], [sentences[i] for i in chosen], labels_n[chosen])
        added = {str(int(c)): int((labels_n[chosen] == c).sum()) for c in np.unique(own_m)}
        told[task] = {**options, "sentences": len(sentences), "added": added}
    training.run = replace(training.run, start=training.run.start | {"pseudo_labels": told})


def list_sentences(task: str, data: dict[str, TaskData]) -> list[list[int]]:
    """The token ids of the distinct sentences of the other tasks' training examples, in the order of these.

    Left out are sentences without a word, and those that equal one in the task's own training file, in some task's dev
    set or among the examples that choose an epoch.
    """
    known = set(_list_all(data[task].splits["train"]))
    found: dict[tuple[int, ...], None] = {}
    for each in data.values():
        train, held_out = each.splits["train"], each.measured.get(SELECTION, [])
        known |= {*_list_all(each.splits["dev"]), *map(tuple, train.sentences(held_out))}
        found |= dict.fromkeys(map(tuple, train.sentences(each.train_indices)))
    return [list(sentence) for sentence in found if sentence not in known and len(sentence) > 2]  # [CLS] and [SEP]


def label(
    model: MultitaskModel, task: str, sentences: list[list[int]], max_tokens: int
) -> tuple[np.ndarray, np.ndarray]:
    """What an evaluation of the task predicts for each sentence, and that class's probability: two float32 of (n,)."""
    tokens = make_token_set(sentences, None, [str(i) for i in range(len(sentences))], 1)
    found = torch.from_numpy(compute_outputs(model, task, tokens, np.arange(len(sentences)), max_tokens))
    output_nC = found.to(next(model.parameters()).device)
    labels_n = model.heads[task].predict(output_nC)
    confidences_n = output_nC.softmax(dim=-1).gather(1, labels_n.long()[:, None])[:, 0]
    return labels_n.cpu().numpy(), confidences_n.detach().cpu().numpy()


def choose_confident(
    labels_n: np.ndarray,
    confidences_n: np.ndarray,
    own_m: np.ndarray,
    *,
    confidence: Annotated[float, Bounds(0, 1)] = 0.9,
    share: Annotated[float, Bounds(0)] = 1.0,
) -> np.ndarray:
    """Sorted places of the sentences that are taken: of a probability of at least `confidence`.

    Of a class that the task has k of itself, in `own_m`, at most `share` * k, the most probable; of equal ones the
    first.
    """
    chosen = []
    for c, count in zip(*np.unique(own_m, return_counts=True), strict=True):
        (fitting,) = np.nonzero((labels_n == c) & (confidences_n >= confidence))
        order = np.argsort(-confidences_n[fitting], kind="stable")
        chosen.append(fitting[order[: int(share * count)]])
    return np.sort(np.concatenate(chosen))


def extend(data: TaskData, sentences: list[list[int]], labels_n: np.ndarray) -> TaskData:
    """The task with these examples behind its own, trained on like them; what it is measured on stays as it is."""
    train = data.splits["train"]
    size, ids = train.num_examples, [f"pseudo_{i}" for i in range(len(sentences))]
    labels = [*train.labels.tolist(), *labels_n.tolist()]
    both = make_token_set([*train.sentences(range(size)), *sentences], labels, [*train.ids, *ids], 1)
    indices = np.concatenate([data.train_indices, np.arange(size, size + len(sentences))])
    return replace(data, splits=data.splits | {"train": both}, train_indices=indices)


def _list_all(tokens: TokenSet) -> list[tuple[int, ...]]:
    return list(map(tuple, tokens.sentences(range(tokens.num_examples))))


def _load_start(training: "Training") -> MultitaskModel:
    """The model as the training begins with it; a miniature (pipeline/engine/rehearsal.py) may start at the encoder."""
    run, root = training.run, training.root
    model = build_model(run.spec, run.spec["seed"], root)
    if run.start["kind"] == "phase1":
        check_hash(root / run.start["weights"], run.start["sha256"])
        fill_model(model, root / run.start["weights"], run.start["tasks"])
    return model.to(training.device)
