"""Averages of models against averages by hand: of weights, of class probabilities, of scores."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipeline.data.token_files import read_tokens
from pipeline.engine.vouch import vouch
from pipeline.evaluation.averaging import average_weights, evaluate_mean, load_members, predict_mean
from pipeline.evaluation.evaluate import evaluate
from pipeline.evaluation.intact import check_model, check_run
from pipeline.evaluation.predict import compute_outputs, predict
from pipeline.evaluation.saved_model import WORDS, build_model, load_model
from pipeline.evaluation.text_model import TextModel
from pipeline.files.atomic import read_json, write_json
from pipeline.gate.lineage import trace
from pipeline.runs import layout
from pipeline.runs.archive import list_files, write_archive
from pipeline.runs.bring_in import import_archive
from pipeline.runs.index import read_index
from pipeline.runs.record import read_record
from pipeline.runs.run_files import read_run
from pipeline.runs.run_schema import check_run_file
from pipeline.serving.card import write_card
from pipeline.statistics.predictions import read_predictions
from pipeline.training.average import average
from pipeline.training.begin import train
from stages import start as start_stage
from tests.tiny import ENCODER, PROFILE, TinyProject, call_stage

TASKS = ("sst", "para", "sts")
TWO = {"heads": {"sts": "pair_regression"}, "schedule": [{"tasks": ["sst", "para", "sts"], "epochs": 1}]}


@pytest.fixture(scope="module")
def trained_rows(tiny_template, tmp_path_factory):
    """A project where `one`, `two` (another rate) and `other` (another head) are trained, and nothing else is."""
    root = tmp_path_factory.mktemp("averages") / "project"
    shutil.copytree(tiny_template.root, root, symlinks=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("BERTY_DEVICE", "cpu")
        project = TinyProject(root)
        other = {key: value for key, value in TWO.items() if key != "heads"}
        project.change(
            iterations__one=TWO, iterations__two=TWO | {"train": {"learning_rate": 3e-3}}, iterations__other=other
        )
        project.plan()
        for row in ("one", "two", "other"):
            train(project.start(row))
    return root


@pytest.fixture
def rows(tiny, trained_rows):
    shutil.rmtree(tiny.root / "artifacts")
    shutil.copytree(trained_rows / "artifacts", tiny.root / "artifacts")
    shutil.copyfile(trained_rows / "params.yaml", tiny.root / "params.yaml")
    return tiny


def add_average(tiny, kind, of, name="mean", **keys):
    """Add an average, plan, and write its start file."""
    tiny.change(**{f"iterations__{name}": {"average": kind, "of": of, **keys}})
    tiny.plan()
    path = layout.run_file(PROFILE, "average", name, 0)
    call_stage(start_stage, "--run", path)
    run = read_run(path)
    check_run_file(run)
    return run


def load(row):
    return load_model(layout.model(PROFILE, "phase2", row, 0))[0]


def read_dev(task):
    return read_tokens(layout.tokens(PROFILE, ENCODER) / task / "dev")


def test_a_soups_weights_are_the_mean_of_its_members_and_its_model_is_one_like_any_other(rows):
    run = add_average(rows, "weights", ["one", "two"])
    average(run)
    check_run(run)
    soup, one, two = (
        load_model(layout.model(*run.place))[0].state_dict(),
        load("one").state_dict(),
        load("two").state_dict(),
    )
    assert soup.keys() == one.keys()
    for name, tensor in soup.items():
        expected = (one[name].numpy().astype(np.float64) + two[name].numpy().astype(np.float64)) / 2
        assert np.array_equal(tensor.numpy(), expected.astype(np.float32)), name
    assert not torch.equal(soup[WORDS], one[WORDS]) and not torch.equal(soup[WORDS], two[WORDS])
    pretrained = build_model(run.spec, 0).state_dict()
    kept = load_file(layout.model(*run.place) / "weights.safetensors")
    untouched = [row for row in range(len(soup[WORDS])) if torch.equal(one[WORDS][row], pretrained[WORDS][row])]
    assert untouched and not set(untouched) & set(kept[f"{WORDS}.rows"].tolist()), (
        "what no member changed is not written"
    )
    text = TextModel(layout.model(*run.place))
    assert text.predict("sst", [("A warm film.",)]).shape == (1,)
    assert check_model(layout.model(*run.place))
    facts = list(trace(layout.model(*run.place), rows.root))
    assert [fact.holds for fact in facts if fact.name.startswith("average of")] == [True, True]
    assert sum(fact.name == "model" for fact in facts) == 3, "its own facts and those of both members"


def test_a_soup_is_evaluated_as_any_model_is(rows):
    run = add_average(rows, "weights", ["one", "two"])
    average(run)
    scores = evaluate(run)
    model = load_model(layout.model(*run.place))[0]
    again = predict(model, "sts", read_dev("sts"), np.arange(20), 10_000)
    kept = read_predictions(layout.predictions(*run.place) / "sts.csv")
    np.testing.assert_allclose(kept.predictions_N, again, rtol=1e-5)
    assert "overall" in scores
    record = read_record(layout.training_record(*run.place) / "record.json")
    assert record["phase"] == "average" and record["tags"]["weights"].startswith("artifacts/tiny/average/mean-0/")
    assert record["params"]["members"] == '["one-0", "two-0"]'
    index = read_index(rows.root, PROFILE)
    card = write_card(index, next(found for found in index.planned if found.row == "mean"))
    assert "- nothing: its weights are the mean of those of one-0, two-0" in card and "- overall" in card


def test_an_ensembles_predictions_are_those_of_the_mean_of_its_members_outputs(rows):
    run = add_average(rows, "outputs", ["other", "one", "two"])
    average(run)
    check_run(run)
    scores = evaluate_mean(run)
    folder = layout.predictions(*run.place)
    models = [load(row) for row in ("one", "two", "other")]
    for task in ("sst", "para"):
        logits = [compute_outputs(model, task, read_dev(task), np.arange(20), 10_000) for model in models]
        odds = [np.exp(each.astype(np.float64)) for each in logits]
        probabilities = sum(each / each.sum(axis=1, keepdims=True) for each in odds) / 3
        kept = read_predictions(folder / f"{task}.csv")
        assert kept.predictions_N.tolist() == probabilities.argmax(axis=1).tolist()
        labels = read_dev(task).labels
        assert scores[f"{task}.accuracy"] == np.mean(kept.predictions_N == np.asarray(labels))
    predicted = [predict(model, "sts", read_dev("sts"), np.arange(20), 10_000) for model in models]
    kept = read_predictions(folder / "sts.csv")
    np.testing.assert_allclose(kept.predictions_N, np.mean(predicted, axis=0), rtol=1e-5)
    assert not (layout.model(*run.place) / "weights.safetensors").exists()
    assert not (layout.work(run.key)).exists()


class Head(torch.nn.Module):
    labels = "classes"

    def predict(self, output):
        return output.argmax(dim=-1).float()


class MedianHead(Head):
    def predict(self, output):
        return (output.exp().cumsum(dim=-1) < 0.5).sum(dim=-1).float()


def predict_classes(monkeypatch, *members):
    """What the mean of members predicts, each a kind of head and its class probabilities for one example."""
    models = [SimpleNamespace(heads={"sst": kind()}, probabilities=[odds]) for kind, odds in members]
    name = "pipeline.evaluation.averaging.compute_outputs"
    monkeypatch.setattr(name, lambda model, *_: np.log(model.probabilities).astype(np.float32) + 3)
    (predicted,) = predict_mean(models, "sst", None, np.arange(1), 1).tolist()
    return predicted


def test_the_mean_is_of_probabilities_and_a_head_predicts_by_its_own_rule(monkeypatch):
    # Their mean is (.300, .333, .367), whose median is class 1; class 1 has the largest mean logit, class 0 two votes.
    three = [(0.0001, 0.3, 0.6999), (0.45, 0.35, 0.2), (0.45, 0.35, 0.2)]
    assert predict_classes(monkeypatch, *((Head, odds) for odds in three)) == 2
    assert predict_classes(monkeypatch, *((MedianHead, odds) for odds in three)) == 1
    assert predict_classes(monkeypatch, *zip((MedianHead, Head, MedianHead), three, strict=True)) == 2


@pytest.mark.parametrize("kind", ["outputs", "weights"])
def test_an_average_of_one_row_is_that_row(rows, kind):
    run = add_average(rows, kind, ["one"])
    average(run)
    (evaluate_mean if kind == "outputs" else evaluate)(run)
    train_run = rows.run("phase2", "one")
    evaluate(train_run)
    for task in TASKS:
        ours, theirs = (layout.predictions(*each.place) / f"{task}.csv" for each in (run, train_run))
        assert ours.read_bytes() == theirs.read_bytes()
    if kind == "weights":
        ours, theirs = (layout.model(*each.place) / "weights.safetensors" for each in (run, train_run))
        assert ours.read_bytes() == theirs.read_bytes()


def test_the_order_of_the_members_does_not_matter(rows):
    first = add_average(rows, "outputs", ["one", "two", "other"])
    second = add_average(rows, "outputs", ["other", "two", "one"])
    assert first.key == second.key and [member["row"] for member in first.spec["members"]] == ["one", "other", "two"]
    models = list(load_members(first))
    state, reversed_state = average_weights(models[::2]), average_weights(models[::2][::-1])
    assert all(torch.equal(tensor, reversed_state[name]) for name, tensor in state.items())


def test_other_weights_are_another_average_and_weights_that_changed_since_are_refused(rows):
    run = add_average(rows, "weights", ["one", "two"])
    record = layout.training_record(PROFILE, "phase2", "two", 0) / "record.json"
    content = read_json(record)
    write_json(record, content | {"tags": content["tags"] | {"weights_sha256": "0" * 64}})
    other = add_average(rows, "weights", ["one", "two"])
    assert other.key != run.key and other.path.read_bytes() == run.path.read_bytes()
    with pytest.raises(ValueError, match=f"two-0/weights.safetensors: sha256 is .*, expected {'0' * 64}"):
        average(other)
    assert not layout.model(*other.place).exists()


def test_an_average_comes_home_in_an_archive_like_any_run(rows, tmp_path):
    run = add_average(rows, "outputs", ["one", "two"])
    average(run)
    evaluate_mean(run)
    records = [layout.record_file(kind, *run.place) for kind in ("training", "evaluation")]
    write_archive(tmp_path / "home.tar.gz", PROFILE, list_files(PROFILE, records))
    imported = import_archive(tmp_path / "home.tar.gz", tmp_path / "home")
    assert "average/mean-0" not in imported.missing and "phase2/one-0" in imported.missing
    (found,) = (each for each in read_index(tmp_path / "home", PROFILE).planned if each.row == "mean")
    assert found.state == "finished" and found.run_key == run.key
    assert {path.name for path in found.predictions.iterdir()} == {f"{task}.csv" for task in TASKS}


def test_vouch_leaves_an_average_whose_code_changed_to_be_made_again(rows):
    run = add_average(rows, "weights", ["one", "two"])
    average(run)
    name = layout.stage_name("training", *run.place)

    def ask():
        return next((v.outcome, v.why) for v in vouch(PROFILE, rows.root) if v.stage == name)

    assert ask() == ("unchanged", "")
    spec = read_json(run.path)
    write_json(run.path, spec | {"code": spec["code"] | {"pipeline.new.function": "0" * 16}})
    assert ask() == ("to train", "an average trains nothing: it is made again")


def test_files_of_another_form_are_named_and_so_are_those_of_other_members(rows):
    run = add_average(rows, "weights", ["one", "two"])
    start, spec = read_json(run.start_path), read_json(run.path)
    for path, content, said in (
        (run.start_path, {"kind": "encoder", "sha256": "0" * 64}, "members: missing"),
        (run.start_path, start | {"members": []}, "members: .*a list of 1"),
        (run.path, spec | {"average": "logits"}, "average: 'logits'; allowed: outputs, weights"),
        (run.path, spec | {"members": [spec["members"][0] | {"row": "../x"}]}, "members.0.row"),
    ):
        write_json(path, content)
        with pytest.raises(ValueError, match=f"^{path}: {said}"):
            check_run_file(read_run(run.path))
        write_json(run.start_path, start)
        write_json(run.path, spec)
    write_json(run.start_path, start | {"members": start["members"][::-1]})
    with pytest.raises(ValueError, match=f"{run.start_path}: of other members than {run.path}"):
        average(read_run(run.path))


def test_an_ensemble_has_no_model_and_says_so(rows):
    run = add_average(rows, "outputs", ["one", "two"])
    average(run)
    folder = layout.model(*run.place)
    for use in (TextModel, check_model):
        with pytest.raises(ValueError, match="average/mean-0: an average of outputs is no model; members.json names"):
            use(folder)
    path = folder / "members.json"
    write_json(path, read_json(path) | {"run_key": "0" * 64})
    with pytest.raises(ValueError, match=f"average/mean-0: made by run {'0' * 64}, this is {run.key}"):
        evaluate_mean(run)
