"""Pseudo-labels: an evaluation's own, of training sentences alone, as sure as told; found again; in no other key."""

import ast
import copy
import shutil

import numpy as np
import pytest
import torch

from pipeline.data.encode_text import encode_text
from pipeline.data.token_files import make_token_set
from pipeline.engine import rehearsal, vouch
from pipeline.evaluation.predict import compute_outputs, predict
from pipeline.evaluation.saved_model import load_model
from pipeline.files.atomic import read_json
from pipeline.runs import layout
from pipeline.training.begin import begin, train
from pipeline.training.replay import find_difference
from pipeline.training.task_data import SELECTION, TaskData, draw_steps, read_task_data
from stages import train as train_stage
from tests.pipeline.training.conftest import Killed, read_results
from tests.tiny import ENCODER, PROFILE, REPOSITORY, TinyProject, call_stage

TASKS = ["sst", "para", "sts"]
CONFIDENCE, SHARE = 0.5, 0.5
ROW = {
    "start": "sst_alone",
    "pseudo_labels": {"sst": {"confidence": CONFIDENCE, "share": SHARE}},
    "schedule": [{"tasks": TASKS, "epochs": 2}],
}


def add_row(tiny, **keys):
    tiny.change(iterations__new=copy.deepcopy(ROW) | keys)
    tiny.plan()
    return tiny.start("new")


@pytest.fixture(scope="module")
def taught_template(tiny_template, tmp_path_factory):
    """A tiny project whose recipe sst_alone is trained; it is copied, never changed."""
    root = tmp_path_factory.mktemp("taught") / "project"
    shutil.copytree(tiny_template.root, root, symlinks=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BERTY_DEVICE", "cpu")
        patch.chdir(root)
        project = TinyProject(root)
        sure = {"keep": "last", "head_dropout": 0.0, "encoder_dropout": 0.0}
        project.change(phase1__sst_alone={"schedule": [{"tasks": ["sst"], "epochs": 25}], "train": sure})
        project.change(iterations__new=ROW)
        project.plan()
        train(project.run("phase1", "sst_alone"))
    return root


@pytest.fixture
def taught(taught_template, tiny, tmp_path, monkeypatch):
    root = tmp_path / "taught"
    shutil.copytree(taught_template, root, symlinks=True)
    monkeypatch.chdir(root)
    return TinyProject(root)


def sentences_of(tokens, indices=None):
    """As tuples of token ids."""
    return list(map(tuple, tokens.sentences(range(tokens.num_examples) if indices is None else indices)))


def added_to(training, plain):
    """The sentences that joined sst, and their labels."""
    size, both = plain["sst"].splits["train"].num_examples, training.data["sst"].splits["train"]
    places = range(size, both.num_examples)
    assert sentences_of(both, range(size)) == sentences_of(plain["sst"].splits["train"])
    assert both.labels[:size].tolist() == plain["sst"].splits["train"].labels.tolist()
    return sentences_of(both, places), both.labels[size:].tolist()


def read_plain(run, tiny):
    return {task: read_task_data(task, run.spec, tiny.root) for task in TASKS}


def candidates_of(plain):
    """The other tasks' training sentences that may be labelled, each once, in order: the rule written once more."""
    left_out = set(sentences_of(plain["sst"].splits["train"]))
    for each in plain.values():
        left_out |= set(sentences_of(each.splits["dev"]))
        left_out |= set(sentences_of(each.splits["train"], each.measured[SELECTION]))
    others = [sentences_of(plain[task].splits["train"], plain[task].train_indices) for task in ("para", "sts")]
    return [sentence for sentence in dict.fromkeys([*others[0], *others[1]]) if sentence not in left_out]


def expected_by_the_evaluation(tiny, plain):
    """What the trained recipe, loaded as an evaluation loads it, predicts of each sentence, and how surely."""
    model, description = load_model(tiny.model(tiny.run("phase1", "sst_alone")))
    assert list(description["tasks"]) == ["sst"]
    sentences = candidates_of(plain)
    tokens = make_token_set(list(map(list, sentences)), None, list(map(str, range(len(sentences)))), 1)
    labels = predict(model, "sst", tokens, range(len(sentences)), 4096)
    outputs = torch.from_numpy(compute_outputs(model, "sst", tokens, range(len(sentences)), 4096))
    chances = outputs.softmax(dim=1).numpy()[range(len(sentences)), labels.astype(int)]
    return dict(zip(sentences, zip(labels.tolist(), chances.tolist(), strict=True), strict=True))


def test_what_joins_is_what_the_starts_evaluation_is_surest_of_class_by_class(taught):
    run = add_row(taught)
    plain, training = read_plain(run, taught), begin(run, taught.root)
    expected = expected_by_the_evaluation(taught, plain)
    found = dict(zip(*added_to(training, plain), strict=True))
    assert {sentence: expected[sentence][0] for sentence in found} == found
    own = plain["sst"].labels("train", plain["sst"].train_indices)
    counts = {}
    for label in np.unique(own).tolist():
        sure = sorted((c for each, c in expected.values() if each == label and c >= CONFIDENCE), reverse=True)
        most = int(SHARE * (own == label).sum())
        taken = sorted((expected[sentence][1] for sentence in found if found[sentence] == label), reverse=True)
        assert taken == sure[:most]
        counts[str(int(label))] = len(taken)
    assert set(found.values()) <= set(own.tolist())
    said = training.run.start["pseudo_labels"]["sst"]
    assert said == {"confidence": CONFIDENCE, "share": SHARE, "sentences": len(expected), "added": counts}
    # This project shows what it should: some joined, some were not sure enough, some were too many of their class.
    unsure = [c for _, c in expected.values() if c < CONFIDENCE]
    assert found and unsure and len(found) + len(unsure) < len(expected)


def test_a_share_is_of_the_examples_that_are_trained_on(taught):
    run = add_row(taught, pseudo_labels={"sst": {"confidence": 0}})
    run.spec["tasks"]["sst"]["max_train"] = 12
    plain, added = read_plain(run, taught), begin(run, taught.root).run.start["pseudo_labels"]["sst"]["added"]
    own = plain["sst"].labels("train", plain["sst"].train_indices).tolist()
    most = {str(int(label)): own.count(label) for label in own}
    assert added.keys() == most.keys() and all(added[label] <= most[label] for label in most)
    assert sum(added[label] == most[label] for label in most) >= 2


def test_a_task_is_trained_on_them_and_measured_as_before(taught):
    run = add_row(taught)
    plain, training = read_plain(run, taught), begin(run, taught.root)
    before, after, num_added = plain["sst"], training.data["sst"], len(added_to(training, plain)[0])
    size = before.splits["train"].num_examples
    assert after.train_indices.tolist() == [*before.train_indices, *range(size, size + num_added)]
    taken = {int(i) for step in draw_steps(run.spec, 0, 0, training.data) for i in step["sst"]}
    assert taken & set(range(size, size + num_added)) and not taken & set(before.measured[SELECTION])
    assert after.splits["dev"] is not None and set(after.measured) == {"train", "dev", SELECTION}
    for name, indices in before.measured.items():
        split = TaskData.split_of(name)
        assert after.measured[name].tolist() == indices.tolist()
        assert sentences_of(after.splits[split], indices) == sentences_of(before.splits[split], indices)
        assert after.labels(split, indices).tolist() == before.labels(split, indices).tolist()
    fixed = run.spec | {"train": run.spec["train"] | {"mixing": {"repeat": {"steps": 4}}}}
    found, of_control = (draw_steps(fixed, 0, 1, data) for data in (training.data, plain))
    assert len(found) == len(of_control) == 4
    for step, other in zip(found, of_control, strict=True):
        assert all(step[task].tolist() == other[task].tolist() for task in ("para", "sts"))
    for task in ("para", "sts"):
        assert training.data[task].train_indices.tolist() == plain[task].train_indices.tolist()
        assert sentences_of(training.data[task].splits["train"]) == sentences_of(plain[task].splits["train"])


def test_a_training_sentence_that_is_put_into_dev_is_no_longer_taken(taught):
    run = add_row(taught)
    first = set(added_to(begin(run, taught.root), read_plain(run, taught))[0])
    corpus = taught.root / layout.corpus(PROFILE)
    texts = {line.split("\t")[column] for name in ("quora-train.csv", "sts-train.csv")
             for line in (corpus / name).read_text().splitlines()[1:] for column in (2, 3)}  # fmt: skip
    assert len(texts) > len(first)
    path = corpus / "ids-sst-dev.csv"
    header, *lines = path.read_text().splitlines()
    planted = [f"{n}\tplanted{n}\t{text}\t{n % 5}" for n, text in enumerate(sorted(texts)[::2])]
    assert len(header.split("\t")) == len(planted[0].split("\t"))
    path.write_text("\n".join([header, *lines, *planted]) + "\n")
    encode_text(taught.params, PROFILE, taught.root)
    taught.plan()
    train(taught.run("phase1", "sst_alone"))
    again = taught.start("new")
    dev = set(sentences_of(read_plain(again, taught)["sst"].splits["dev"]))
    found = set(added_to(begin(again, taught.root), read_plain(again, taught))[0])
    assert first & dev and found and not found & dev


def test_nothing_of_dev_of_test_or_of_what_chooses_an_epoch_is_taken(taught):
    run = add_row(taught, pseudo_labels={"sst": {"confidence": 0, "share": 1e6}})
    plain = read_plain(run, taught)
    found, _ = added_to(begin(run, taught.root), plain)
    assert len(found) == len(set(found)) and set(found) == set(candidates_of(plain))
    others = [set(sentences_of(plain[task].splits["train"], plain[task].train_indices)) for task in ("para", "sts")]
    assert set(found) <= others[0] | others[1]
    for each in plain.values():
        assert not set(found) & set(sentences_of(each.splits["dev"]))
        assert not set(found) & set(sentences_of(each.splits["train"], each.measured[SELECTION]))
    tests = list((taught.root / layout.corpus(PROFILE)).glob("*test-student.csv"))
    assert not list((taught.root / layout.tokens(PROFILE, ENCODER)).glob("*/test*"))
    shutil.rmtree(taught.root / layout.corpus(PROFILE))
    assert len(tests) == 4 and added_to(begin(run, taught.root), plain)[0] == found


def test_a_run_that_is_killed_ends_in_the_same_bytes_and_is_replayed(taught, steps, monkeypatch):
    monkeypatch.setenv("BERTY_CHECKPOINT_SECONDS", "0")
    run = add_row(taught)
    train(run)
    expected, num_steps = read_results(taught, run), len(steps.taken)
    added = {k: v for k, v in expected["params"].items() if k.startswith("start.pseudo_labels.sst.added.")}
    assert sum(added.values()) > 0
    replay = read_json(taught.record(run) / "record.json")["replay"]
    for folder in (taught.model(run), taught.record(run)):
        shutil.rmtree(folder)
    for kill_at in (0, 3, 9):
        steps.kill_at = num_steps + kill_at
        with pytest.raises(Killed):
            train(run)
    steps.kill_at = None
    train(run)
    assert read_results(taught, run) == expected
    assert read_json(taught.record(run) / "record.json")["replay"] == replay
    assert len(steps.taken) == 2 * num_steps and num_steps > 9
    assert find_difference(replay, vouch._replay(run, taught.root, 4), 0.0) is None
    (taught.root / run.start["weights"]).unlink()
    with pytest.raises(ValueError, match=r"weights.safetensors: no such file"):  # which vouch says, and refuses the run
        vouch._replay(run, taught.root, 4)


def test_it_is_another_training_than_its_control_and_with_no_new_label_the_same(taught):
    def train_row(name, **keys):
        row = {key: value for key, value in (ROW | keys).items() if value is not None}
        taught.change(**{f"iterations__{name}": row})
        taught.plan()
        run = taught.start(name)
        call_stage(train_stage, "--run", run.path)
        record = read_json(taught.record(run) / "record.json")
        counted = {data["name"]: data["num_examples"] for data in record["datasets"]}
        return (taught.model(run) / "weights.safetensors").read_bytes(), record["params"], counted["sst-train"]

    control, params, size = train_row("control_of_new", pseudo_labels=None)
    assert not [key for key in params if "pseudo" in key]
    nothing, params, same_size = train_row("new_unsure", pseudo_labels={"sst": {"confidence": 1.0}})
    prefix = "start.pseudo_labels.sst."
    assert {value for key, value in params.items() if key.startswith(f"{prefix}added.")} == {0}
    assert (nothing, same_size) == (control, size)
    weights, params, more = train_row("new")
    assert weights != control and params[f"{prefix}confidence"] == CONFIDENCE
    assert more - size == sum(value for key, value in params.items() if key.startswith(f"{prefix}added.")) > 0


def test_the_recipe_of_other_weights_is_refused(taught):
    run = add_row(taught)
    path = taught.root / run.start["weights"]
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(ValueError, match=r"sst_alone-0/weights.safetensors: sha256 is .*, expected"):
        begin(run, taught.root)


def test_other_tasks_without_a_new_sentence_are_an_error(taught, monkeypatch):
    run = add_row(taught)
    monkeypatch.setattr("pipeline.training.pseudo_labels.list_sentences", lambda task, data: [])
    with pytest.raises(ValueError, match=r"new-0.json: pseudo_labels.sst: the other tasks have no sentence"):
        begin(run, taught.root)


def test_a_rehearsal_executes_what_labels_them(taught, monkeypatch):
    record = rehearsal._record_calls  # the project's code is linked: it lies in the repository
    monkeypatch.setattr(rehearsal, "_record_calls", lambda root, executed: record(REPOSITORY, executed))
    run = add_row(taught)
    module = "pipeline.training.pseudo_labels"
    names = {"add_pseudo_labels", "list_sentences", "label", "choose_confident", "extend", "_list_all", "_load_start"}
    for weights_are_here in (True, False):
        if not weights_are_here:
            (taught.root / run.start["weights"]).unlink()
        assert {f"{module}.{name}" for name in names} <= rehearsal.rehearse(run, taught.root)


def test_whatever_trains_begins_where_they_are_added():
    """A call of the loop itself would train such a row without them; ranks, which plan refuses, are the one."""
    found = set()
    for folder in ("pipeline", "stages", "studies", "bench"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
            names = {name.name for node in imports if node.module == "pipeline.training.loop" for name in node.names}
            if names & {"train", "Training"}:
                found.add(path.relative_to(REPOSITORY).as_posix())
    of_types = "pipeline/training/pseudo_labels.py"
    assert found == {"pipeline/training/begin.py", "pipeline/training/ranks.py", of_types}
