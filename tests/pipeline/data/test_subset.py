"""Training sets by a committed list: what an id is, what is refused, and that the shipped one is the partial file's."""

import hashlib
import random

import pytest

from pipeline.config.digests import write_digests
from pipeline.config.params import load_params
from pipeline.data import subset
from pipeline.data.encode_text import read_task_file
from pipeline.data.reading import Examples
from pipeline.data.subset import hash_example, read_ids, select_listed, write_ids
from pipeline.files.atomic import read_json
from pipeline.runs import layout
from tests.tiny import PROFILE, REPOSITORY

PAIRS = Examples(["1", "2"], [("Is  it?", "Yes."), ("No, it isn't", "")], [1.0, 0.0])
SHIPPED = load_params(REPOSITORY / "params.yaml")


def test_an_id_is_the_start_of_sha256_over_the_cleaned_sentences_and_the_label():
    expected = hashlib.sha256(b'["is it ?", "caf\\u00e9 .", 1.0]').hexdigest()[:16]
    assert hash_example(("Is it?", " CAFÉ."), 1, "pair") == expected
    others = [(("café.", "is it?"), 1, "pair"), (("is it?", "café."), 0, "pair"), (("is it?", "café."), 1, "sentence")]
    assert len({expected, *(hash_example(*other) for other in others)}) == 4


def test_copies_must_agree_as_the_encoder_reads_them(tmp_path, monkeypatch):
    write_ids(tmp_path / "ids", PAIRS, "pair")
    shouted = Examples(["3", *PAIRS.ids], [("IS IT?", "Yes."), *PAIRS.sentences], [1.0, *PAIRS.labels])
    assert len(select_listed(shouted, tmp_path / "f.csv", tmp_path / "ids", "pair")) == 2
    with pytest.raises(ValueError, match=r"f\.csv: the id [0-9a-f]{16} stands for both .*IS IT\?.* and .*Is  it"):
        select_listed(shouted, tmp_path / "f.csv", tmp_path / "ids", "pair", lowercase=False)
    monkeypatch.setattr(subset, "hash_example", lambda *_: "0" * 16)
    write_ids(tmp_path / "one", PAIRS, "pair")
    with pytest.raises(ValueError, match="the id 0{16} stands for both"):
        select_listed(PAIRS, tmp_path / "f.csv", tmp_path / "one", "pair")


@pytest.mark.parametrize("text", ["b" * 16 + "\n" + "a" * 16, "a" * 16 + "\n" + "a" * 16, "A" * 16, "a\n", "a" * 17])
def test_a_list_of_anything_else_is_refused(tmp_path, text):
    (tmp_path / "ids").write_text(text)
    with pytest.raises(ValueError, match=r"ids: line [12]: .*allowed: sorted ids of 16 hex digits, each once"):
        read_ids(tmp_path / "ids")


def test_what_tokenize_depends_on_has_the_lists_content(tiny):
    choice = {"ids": "ids.txt", "files": ["quora-train.csv", "quora-train-part.csv"]}
    tiny.change(profiles__tiny__data={"corpus": "course", "max_length": 64, "subsets": {"para": choice}})
    written = []
    for examples in (PAIRS, Examples(["1"], PAIRS.sentences[:1], [1.0])):
        write_ids(tiny.root / "ids.txt", examples, "pair")
        write_digests(tiny.params, PROFILE, tiny.root)
        folder = tiny.root / layout.digests(PROFILE)
        written.append([read_json(folder / f"{stage}.json") for stage in ("download", "tokenize")])
    assert written[0][0] == written[1][0] and written[0][1] != written[1][1]
    assert choice["files"] in written[0][0]["files"] and set(choice["files"]) < set(written[0][0]["assets"])


def test_the_shipped_list_is_that_of_the_partial_file_and_of_a_superset(mirror, tmp_path):
    row, task = SHIPPED.profiles["course_part"].data.subsets["para"], SHIPPED.tasks["para"]
    assert row == SHIPPED.profiles["course_small"].data.subsets["para"]
    shipped, path = REPOSITORY / row.ids, mirror / row.files[-1]
    part = read_task_file(task, path)
    write_ids(tmp_path / "ids", part, task.cleaning)
    assert (tmp_path / "ids").read_bytes() == shipped.read_bytes()
    chosen = select_listed(part, path, shipped, task.cleaning)
    assert len(chosen) == len(part) == 57_998 and sorted(chosen.sentences) == sorted(part.sentences)
    dev = read_task_file(task, mirror / "quora-dev.csv")
    rows = [*zip(part.sentences, part.labels, strict=True), *zip(dev.sentences, dev.labels, strict=True)]
    rows += [(sentences, 1 - label) for sentences, label in rows] + rows[::3]
    random.Random(0).shuffle(rows)
    superset = Examples([str(n) for n in range(len(rows))], [row[0] for row in rows], [row[1] for row in rows])
    assert select_listed(superset, path, shipped, task.cleaning) == chosen
