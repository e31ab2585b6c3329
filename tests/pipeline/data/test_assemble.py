"""A profile's inputs, brought together: what is written, and that nothing else is asked for."""

import csv
import hashlib
import json

import pytest
import torch

from model.packing import pack
from model.pretrained import load_encoder, read_config
from pipeline.config.params import load_params
from pipeline.data import assemble as assemble_module
from pipeline.data.assemble import assemble, list_choices
from pipeline.data.encode_text import encode_text
from pipeline.data.encoders import PUBLISHED_FILES, make_encoder_config
from pipeline.data.fetch import FetchError
from pipeline.data.token_files import read_tokens
from pipeline.files.atomic import write_json, write_text
from pipeline.files.digest import hash_file, hash_folder
from pipeline.runs import layout
from pipeline.runs.record import read_record
from stages import list_examples
from tests.tiny import ENCODER, PROFILE, REPOSITORY, SHAPE, SIZES, call_stage

SHIPPED = load_params(REPOSITORY / "params.yaml")


def use_course_files(tiny):
    """Make the profile read pinned files of its mirror: those of the sample corpus, of sts-train.csv a listed part."""
    corpus, mirror = tiny.root / layout.corpus(PROFILE), tiny.root / "mirror"
    for path in sorted(corpus.glob("*-train.csv")) + sorted(corpus.glob("*-dev.csv")):
        content = path.read_bytes()
        name = "sts-small.csv" if path.name == "sts-train.csv" else path.name
        (mirror / name).write_bytes(content)
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        tiny.change(**{f"assets__{name}": {"git_blob": blob, "sources": []}})
    call_stage(list_examples, "--task", "sts", "--input", mirror / "sts-small.csv", "--output", "sts.txt")
    subsets = {"sts": {"ids": "sts.txt", "files": ["sts-train.csv", "sts-small.csv"]}}
    tiny.change(profiles__tiny__data={"corpus": "course", "max_length": 64, "subsets": subsets})


def test_a_sample_corpus_is_written_and_its_encoder_fetched(tiny):
    before = hash_folder(tiny.root / layout.corpus(PROFILE))
    assemble(tiny.params, PROFILE, tiny.root)
    assert hash_folder(tiny.root / layout.corpus(PROFILE)) == before  # equal arguments, equal bytes
    assert len(list((tiny.root / layout.corpus(PROFILE)).iterdir())) == 12
    encoder = tiny.root / layout.encoder(PROFILE, ENCODER)
    assert {path.name for path in encoder.iterdir()} == {"config.json", "model.safetensors", "vocab.txt"}
    for name in ("model.safetensors", "vocab.txt"):
        assert hash_file(encoder / name) == hash_file(tiny.root / "mirror" / ENCODER / name)
    config = read_config(encoder)
    assert {name: getattr(config, name) for name in SHAPE} == SHAPE
    assert (config.max_positions, config.vocab_size) == (64, len((encoder / "vocab.txt").read_text().splitlines()))


def test_the_first_layers_of_an_encoder_compute_what_they_compute_in_it(tiny):
    row = tiny.params.encoders[ENCODER].model_dump() | {"first_layers_of": ENCODER, "num_layers": 1}
    tiny.change(encoders__short=row, profiles__tiny__encoder="short")
    stored = hash_file(tiny.root / "mirror" / ENCODER / "model.safetensors")
    whole = load_encoder(tiny.root / layout.encoder(PROFILE, ENCODER), dropout=0.0).eval()
    assemble(tiny.params, PROFILE, tiny.root)
    short = load_encoder(tiny.root / layout.encoder(PROFILE, "short"), dropout=0.0).eval()
    states, batch = [], pack([[2, 7, 8, 3], [2, 9, 3]])
    whole.layers[0].register_forward_hook(lambda *arguments: states.append(arguments[-1]))
    whole(batch)
    assert len(short.layers) == 1
    assert torch.equal(short(batch), states[0][: batch.num_tokens])
    assemble(tiny.params, PROFILE, tiny.root)  # the stored file is whole: it is fetched and cut again
    assert hash_file(tiny.root / "mirror" / ENCODER / "model.safetensors") == stored
    tiny.change(encoders__short__num_layers=3)
    with pytest.raises(ValueError, match="model.safetensors: it has 2 layers, 3 are asked for"):
        assemble(tiny.params, PROFILE, tiny.root)
    with pytest.raises(ValueError, match="num_layers: missing"):
        tiny.change(encoders__short__num_layers=None)
        load_params(tiny.root / "params.yaml")


def test_the_course_corpus_is_the_pinned_files_and_of_two_choices_the_one_that_can_be_had(tiny):
    use_course_files(tiny)
    assemble(tiny.params, PROFILE, tiny.root)
    corpus, mirror = tiny.root / layout.corpus(PROFILE), tiny.root / "mirror"
    expected = {path.name for path in mirror.glob("*.csv")}
    assert {path.name for path in corpus.iterdir()} == expected and len(expected) == 8
    assert "sts-train.csv" not in expected and "sts-small.csv" in expected
    assert all(hash_file(corpus / name) == hash_file(mirror / name) for name in expected)
    record = read_record(tiny.root / layout.data_record(PROFILE, "download") / "record.json")
    assert {d["source"] for d in record["datasets"] if d["context"] == "raw"} == {"a mirror folder"}


def test_a_listed_training_set_is_the_same_from_a_superset_with_other_ids_in_another_order(tiny):
    """And with copies: equal ones, and ones with another label, before and after their originals."""
    use_course_files(tiny)
    tiny.prepare()
    tokens = tiny.root / layout.all_tokens(PROFILE)
    before, ids = hash_folder(tokens), read_tokens(tokens / ENCODER / "sts" / "train").ids
    assert ids == sorted(ids) == (tiny.root / "sts.txt").read_text().split()
    _, *rows = csv.reader((tiny.root / "mirror" / "sts-small.csv").open(newline=""), delimiter="\t")
    other = [[*row[:4], str(5 - float(row[4]))] for row in rows if row[4] and float(row[4]) != 2.5]
    wide = [[*row[:3], f" {row[3]} ", *row[4:]] for row in rows]
    mixed = [*other[::2], *wide[:9], ["", "", "Another one.", "And one.", "1"], *reversed(rows), *other[1::2]]
    write_asset(tiny, "sts-train.csv", [[str(n), f"id{n}", *row[2:]] for n, row in enumerate(mixed)])
    (tiny.root / "mirror" / "sts-small.csv").unlink()
    tiny.prepare()
    assert not (tiny.root / layout.corpus(PROFILE) / "sts-small.csv").exists()
    assert hash_folder(tokens) == before
    write_asset(tiny, "sts-train.csv", mixed[len(other) :])
    assemble(tiny.params, PROFILE, tiny.root)
    with pytest.raises(ValueError, match=r"sts-train.csv: it lacks \d+ of the 23 examples that .*sts.txt lists"):
        encode_text(tiny.params, PROFILE, tiny.root)


def write_asset(tiny, name, rows):
    path = tiny.root / "mirror" / name
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows([["", "id", "sentence1", "sentence2", "similarity"], *rows])
    tiny.change(**{f"assets__{name}": {"sha256": hash_file(path), "sources": []}})


def test_an_encoder_may_be_described_by_its_own_files_alone(tiny):
    mirror = tiny.root / "mirror" / "published"
    tiny.add_encoder("published")
    write_json(mirror / "config.json", make_encoder_config(tiny.params.encoders[ENCODER]))
    write_json(mirror / "tokenizer_config.json", {"do_lower_case": False})
    write_json(mirror / "1_Pooling" / "config.json", {"pooling_mode_mean_tokens": True})
    for name in PUBLISHED_FILES:
        tiny.change(**{f"assets__published/{name}": {"sha256": hash_file(mirror / name), "sources": []}})
    row = {"schedule": [{"tasks": ["sst"], "epochs": 1}], "encoder": "published", "train": {"pooling": "own"}}
    tiny.change(encoders__published={}, iterations__new=row)
    tiny.prepare()
    run = json.loads(tiny.plan()["phase2/new-0"])
    assert run["encoder"]["config_sha256"] == hash_file(mirror / "config.json")
    assert run["train"]["pooling"] == "mean" and run["tasks"]["sst"]["text"]["lowercase"] is False
    tiny.change(encoders__published={"hidden_size": 64})
    with pytest.raises(ValueError, match=r"encoders.published.hidden_size: 64, but .*config.json says 32"):
        tiny.prepare()


def test_a_file_with_other_bytes_than_its_pin_leaves_the_old_corpus(tiny):
    before = hash_folder(tiny.root / layout.corpus(PROFILE))
    use_course_files(tiny)
    (tiny.root / "mirror" / "sts-dev.csv").write_text("other")
    with pytest.raises(FetchError, match=r"sts-dev\.csv: no source gave the pinned bytes"):
        assemble(tiny.params, PROFILE, tiny.root)
    assert hash_folder(tiny.root / layout.corpus(PROFILE)) == before


@pytest.mark.parametrize("profile", SHIPPED.profiles)
def test_a_profile_fetches_what_it_uses_and_nothing_else(profile, tmp_path, monkeypatch):
    asked = []

    def fetch(params, name, destination, root):
        asked.append(name)
        write_text(destination, "a\n")

    def fetch_one_of(params, choices, folder, root):
        fetch(params, choices[-1], folder / choices[-1], root)
        asked[-1:] = choices
        return choices[-1]

    monkeypatch.setattr(assemble_module, "fetch_asset", fetch)
    monkeypatch.setattr(assemble_module, "fetch_one_of", fetch_one_of)
    monkeypatch.setattr(assemble_module, "keep_first_layers", lambda source, destination, _: destination.touch())
    assemble(SHIPPED, profile, tmp_path)
    row = SHIPPED.profiles[profile]
    choices = list_choices(SHIPPED, profile).values() if row.data.corpus == "course" else []
    files = [name for names in choices for name in names]
    folder = SHIPPED.encoders[row.encoder].first_layers_of or row.encoder
    assert asked == [*files, f"{folder}/model.safetensors", f"{folder}/vocab.txt"]
    assert not any("test" in name for name in asked)
    assert ("quora-train-part.csv" in asked, "quora-train.csv" in asked) == {
        "sample": (False, False),
        "paper": (False, True),
    }.get(profile, (True, True))


def test_the_tasks_that_the_generator_does_not_write_come_from_assets(tiny):
    files = {split: f"mine-{split}.csv" for split in ("train", "dev", "test")}
    (tiny.root / "data").mkdir()
    for split, name in files.items():
        lines = ["id\tpremise\tclaim\trelation", *(f"{split}{n}\tA dog.\tA cat.\t{n % 3}" for n in range(9))]
        write_text(tiny.root / "data" / name, "\n".join(lines))
        sha256 = hash_file(tiny.root / "data" / name)
        tiny.change(**{f"assets__{name}": {"sha256": sha256, "sources": ["data/"]}})
    sentences = ["premise", "claim"]
    task = {"files": files, "sentences": sentences, "label": "relation", "num_classes": 3, "cleaning": "pair"}
    tiny.change(tasks__nli=task | {"head": "pair_classify", "metric": "accuracy"})
    tiny.change(profiles__tiny__tasks=[*SIZES, "nli"], iterations__nli={"schedule": [{"tasks": ["nli"], "epochs": 1}]})
    tiny.prepare()
    assert (tiny.root / layout.corpus(PROFILE) / "mine-dev.csv").read_bytes().startswith(b"id\tpremise")
    assert (tiny.root / layout.corpus(PROFILE) / "ids-sst-dev.csv").exists()
    record = read_record(tiny.root / layout.data_record(PROFILE, "download") / "record.json")
    assert {d["name"]: d["source"] for d in record["datasets"]}["mine-dev.csv"] == "data/"
    assert json.loads(tiny.plan()["phase2/nli-0"])["tasks"]["nli"]["num_classes"] == 3


def test_the_encoders_of_the_rows_that_run_are_brought_and_no_other(tiny):
    tiny.add_encoder("another")
    tiny.prepare()
    assert [path.name for path in (tiny.root / layout.encoders(PROFILE)).iterdir()] == [ENCODER]
    tiny.change(iterations__new={"schedule": [{"tasks": ["sst"], "epochs": 1}], "encoder": "another"})
    tiny.prepare()
    for folder in (layout.encoders, layout.all_tokens):
        assert {path.name for path in (tiny.root / folder(PROFILE)).iterdir()} == {ENCODER, "another"}
    tiny.change(rows=["baseline"])
    tiny.prepare()
    assert [path.name for path in (tiny.root / layout.all_tokens(PROFILE)).iterdir()] == [ENCODER]
