"""Encoders that are further pre-trained: from training sentences alone, as ordinary encoders for what comes after."""

import csv
import shutil

import numpy as np
import pytest

from pipeline.config.digests import write_digests
from pipeline.data.adapt import ABOUT, adapt_encoders, list_sentences
from pipeline.data.encode_text import encode_text
from pipeline.data.token_files import read_tokens
from pipeline.evaluation.saved_model import build_model
from pipeline.files.atomic import read_json
from pipeline.files.digest import hash_file, hash_folder
from pipeline.runs import layout
from pipeline.runs.record import read_record
from pipeline.runs.record_schema import find_faults
from pipeline.training import pretraining
from pipeline.training.batches import hold_out
from tests.tiny import ENCODER, PROFILE

ADAPT = {"tasks": ["sst", "para"], "epochs": 1, "batch_size": 16, "learning_rate": 1e-3}
SCHEDULE = [{"tasks": ["sst"], "epochs": 1}]
ADAPTED = layout.adapted(PROFILE)


@pytest.fixture
def more(tiny):
    """The tiny project with the encoder `more`, adapted from its own, and a row that uses it."""
    tiny.change(
        encoders__more={"adapted_from": ENCODER, "adapt": ADAPT},
        iterations__new={"schedule": SCHEDULE, "encoder": "more"},
    )
    return tiny


@pytest.fixture
def trained(monkeypatch):
    """The encoders' folders that were trained, in order, by a training of no time."""
    destinations = []

    def pretrain(source, destination, sentences, options):
        destinations.append(destination)
        shutil.copyfile(source / "model.safetensors", destination)
        return [(1, float(options["masked_fraction"]))]

    monkeypatch.setattr(pretraining, "pretrain", pretrain)
    return destinations


def test_nothing_of_dev_and_test_files_is_in_it(more):
    adapt_encoders(more.params, PROFILE, more.root)
    before = hash_folder(more.root / ADAPTED)
    (kept,) = (more.root / layout.WORK / "adapted").iterdir()
    changed = 0
    for task in more.params.tasks.values():
        for file in (task.files.dev, task.files.test):
            path = more.root / layout.corpus(PROFILE) / file
            if path.exists():
                rewrite(path, task.sentences)
                changed += 1
    assert changed == 8
    tokens = hash_folder(more.root / layout.all_tokens(PROFILE))
    encode_text(more.params, PROFILE, more.root)
    assert hash_folder(more.root / layout.all_tokens(PROFILE)) != tokens
    adapt_encoders(more.params, PROFILE, more.root)
    assert list((more.root / layout.WORK / "adapted").iterdir()) == [kept], "not even its key has them"
    shutil.rmtree(kept)
    adapt_encoders(more.params, PROFILE, more.root)
    assert hash_folder(more.root / ADAPTED) == before
    # And a training sentence is in it.
    rewrite(more.root / layout.corpus(PROFILE) / more.params.tasks["sst"].files.train, ["sentence"])
    encode_text(more.params, PROFILE, more.root)
    adapt_encoders(more.params, PROFILE, more.root)
    assert hash_folder(more.root / ADAPTED) != before


def rewrite(path, columns):
    """Other words in every sentence."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for row in rows:
        row.update({column: f"the very other {row[column]} !" for column in columns})
    path.unlink()
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)


def test_what_comes_after_sees_an_ordinary_encoder(more):
    adapt_encoders(more.params, PROFILE, more.root)
    new, old = more.root / ADAPTED / "more", more.root / layout.encoder(PROFILE, ENCODER)
    assert {path.name for path in new.iterdir()} == {path.name for path in old.iterdir()} | {ABOUT}
    for name in ("config.json", "vocab.txt"):
        assert hash_file(new / name) == hash_file(old / name)
    more.plan()
    spec, other = more.start("new").spec, more.start("baseline").spec
    assert spec["encoder"]["folder"] == (ADAPTED / "more").as_posix()
    assert spec["encoder"]["sha256"] == hash_file(new / "model.safetensors") != other["encoder"]["sha256"]
    assert spec["tasks"]["sst"]["tokens"] == other["tasks"]["sst"]["tokens"]
    assert spec["train"]["pooling"] == other["train"]["pooling"]
    assert build_model(spec, 0, more.root)
    assert (old / "model.safetensors").read_bytes() == (
        more.root / "mirror" / ENCODER / "model.safetensors"
    ).read_bytes()


def test_the_sentences_are_those_that_rows_may_train_on_each_once(more):
    more.change(profiles__tiny__max_train={"para": 20})
    folders = {task: more.root / layout.tokens(PROFILE, ENCODER) / task / "train" for task in ADAPT["tasks"]}
    read = {task: read_tokens(folder) for task, folder in folders.items()}
    capped, _ = hold_out("para", read["para"].num_examples, 20, None, 0)
    allowed = {"sst": np.arange(read["sst"].num_examples), "para": capped}
    expected = {tuple(s) for task, indices in allowed.items() for s in read[task].sentences(indices)}
    found = list_sentences(more.params, PROFILE, "more", more.root)
    assert (2, 3) in expected, "a sentence without a word"
    assert len(found) == len(expected) - 1 and set(map(tuple, found)) == expected - {(2, 3)}
    assert found[0] == read["sst"].sentences([0])[0]
    assert found == list_sentences(more.params, PROFILE, "more", more.root)


def test_the_record_has_the_loss_curve_and_what_it_was_made_from(more):
    adapt_encoders(more.params, PROFILE, more.root)
    record = read_record(more.root / layout.data_record(PROFILE, "adapt") / "record.json")
    assert find_faults(record) == [] and record["status"] == "finished"
    assert record["params"]["more.adapted_from"] == ENCODER and record["params"]["more.masked_fraction"] == 0.15
    assert all(value > 0 for _, _, value in record["metrics"]["loss/more"])
    datasets = {each["name"]: each for each in record["datasets"]}
    assert datasets["more"]["digest"] == hash_file(more.root / ADAPTED / "more" / "model.safetensors")
    assert datasets[f"sst-train-{ENCODER}"]["num_examples"] == 23 and len(datasets) == 3


def test_a_second_encoder_and_another_row_train_what_is_new(more, trained):
    adapt_encoders(more.params, PROFILE, more.root)
    adapt_encoders(more.params, PROFILE, more.root)
    assert len(trained) == 1
    more.change(
        encoders__again={"adapted_from": ENCODER, "adapt": ADAPT | {"masked_fraction": 0.3}},
        iterations__newer={"schedule": SCHEDULE, "encoder": "again"},
    )
    adapt_encoders(more.params, PROFILE, more.root)
    assert len(trained) == 2 and {path.name for path in (more.root / ADAPTED).iterdir()} == {"more", "again"}
    more.change(profiles__tiny__max_train={"sts": 5})
    adapt_encoders(more.params, PROFILE, more.root)
    assert len(trained) == 2, "of a task that it does not read"
    more.change(profiles__tiny__max_train={"sst": 5})
    adapt_encoders(more.params, PROFILE, more.root)
    assert len(trained) == 4


def test_without_a_row_that_uses_one_the_stage_says_so_and_depends_on_no_code(more, trained):
    digest = more.root / layout.digests(PROFILE) / "adapt.json"
    write_digests(more.params, PROFILE, more.root)
    assert any("pretraining" in name for name in read_json(digest)["code"])
    assert read_json(digest)["adapted"]["more"]["adapt"]["tasks"] == ADAPT["tasks"]
    more.change(iterations__new=None)
    write_digests(more.params, PROFILE, more.root)
    assert read_json(digest) == {"code": {}}
    adapt_encoders(more.params, PROFILE, more.root)
    assert trained == []
    for output in (ADAPTED, layout.data_record(PROFILE, "adapt")):
        assert [path.name for path in (more.root / output).iterdir()] == ["skipped.txt"]


def test_a_profiles_own_encoder_may_be_one_and_its_source_is_what_is_downloaded(more, trained):
    more.change(profiles__tiny__encoder="more")
    more.prepare()
    assert [path.name for path in (more.root / layout.encoders(PROFILE)).iterdir()] == [ENCODER]
    assert set(read_json(more.root / layout.data_report(PROFILE) / "data.json")) == {"sst", "para", "sts", "cfimdb"}
    adapt_encoders(more.params, PROFILE, more.root)
    more.plan()
    assert more.start("baseline").spec["encoder"]["name"] == "more"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"adapted_from": "nobody"}, r"encoders.more.adapted_from: 'nobody' is unknown; allowed: .*tiny_random"),
        ({"adapted_from": "more"}, "encoders.more.adapted_from: 'more' is unknown"),
        ({"adapt": None}, "adapted_from and adapt: allowed: both"),
        ({"adapt": ADAPT | {"tasks": ["sst", "sst"]}}, "encoders.more.adapt.tasks: 'sst' is there twice"),
        ({"adapt": ADAPT | {"tasks": ["poems"]}}, "encoders.more.adapt.tasks: 'poems' is unknown; allowed: sst"),
        ({"adapt": ADAPT | {"masked_fraction": 1.0}}, "encoders.more.adapt.masked_fraction: .*less than 1"),
        ({"num_layers": 1}, "encoders.more.num_layers: 1, but it is adapted from tiny_random, which has 2"),
        (
            {"adapt": ADAPT | {"learning_rate_schedule": "nothing"}},
            "encoders.more.adapt.learning_rate_schedule: 'nothing' is unknown",
        ),
    ],
)
def test_a_row_that_is_wrong_is_refused_by_its_key(more, changes, message):
    more.change(encoders__more={"adapted_from": ENCODER, "adapt": ADAPT} | changes)
    with pytest.raises(ValueError, match=message):
        write_digests(more.params, PROFILE, more.root)


def test_tasks_that_the_profile_lacks_are_refused_where_a_row_uses_the_encoder(more):
    more.change(
        encoders__more={"adapted_from": ENCODER, "adapt": ADAPT | {"tasks": ["cfimdb"]}},
        profiles__tiny__tasks=["sst", "para", "sts"],
        profiles__tiny__data__sizes__cfimdb=None,
        part1__tasks={"sst": {}},
        part1__modes={"finetune": {"encoder": "finetuned"}},
    )
    with pytest.raises(ValueError, match="encoders.more.adapt: the profile tiny has no task cfimdb"):
        write_digests(more.params, PROFILE, more.root)


def test_what_a_row_says_again_of_its_source_is_allowed(more):
    """A YAML row that begins with `<<: *source`."""
    said = more.params.encoders[ENCODER].model_dump(exclude_unset=True)
    more.change(encoders__more=said | {"adapted_from": ENCODER, "adapt": ADAPT})
    assert more.params.encoders["more"].num_layers == 2
