"""Fetching: the pin decides, sources are tried in order, and neither a kill nor a second process leaves wrong bytes."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pipeline.data.fetch import Asset, FetchError, fetch, fetch_any, put

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


def asset(*sources: str, **pins: object) -> Asset:
    return Asset("set/f.bin", sources, **(pins or {"sha256": SHA256}))


def leftovers(store: Path) -> list[str]:
    return sorted(path.name for path in store.iterdir() if path.name not in ("locks", "wheels", SHA256))


def refusal(wanted: Asset, store: Path, mirror: Path | None = None) -> str:
    with pytest.raises(FetchError) as caught:
        fetch(wanted, store, mirror)
    assert not (store / wanted.pin).exists()
    assert leftovers(store) == []
    return str(caught.value)


def test_a_whole_download_is_kept_under_its_pin_and_used_again(hub, store):
    hub.files["/f.bin"] = CONTENT
    path = fetch(asset(f"{hub.url}/f.bin"), store, None)
    assert (path, path.read_bytes()) == (store / SHA256, CONTENT)
    assert fetch(asset(f"{hub.url}/f.bin"), store, None) == path
    assert (hub.ranges, leftovers(store)) == ([None], [])


def test_a_git_blob_pin(hub, store):
    hub.files["/f.bin"] = b"what is up, doc?"
    blob = "bd9dbf5aae1a3862dd1526723246b20206e5fc37"  # The example of the book Pro Git, chapter 10.2.
    assert fetch(asset(f"{hub.url}/f.bin", git_blob=blob), store, None).read_bytes() == b"what is up, doc?"
    hub.files["/f.bin"] = b"what is up, dog?"
    (store / blob).unlink()
    assert f"expected git blob {blob}" in refusal(asset(f"{hub.url}/f.bin", git_blob=blob), store)


def test_what_a_kill_left_is_continued(hub, store):
    hub.files["/f.bin"] = CONTENT
    store.mkdir()
    (store / f"{SHA256}.part").write_bytes(CONTENT[:1000])
    assert fetch(asset(f"{hub.url}/f.bin"), store, None).read_bytes() == CONTENT
    assert (hub.ranges, leftovers(store)) == (["bytes=1000-"], [])


@pytest.mark.parametrize("part", [b"other" * 10, CONTENT + b"more"])
def test_a_part_of_other_bytes_is_fetched_anew(hub, store, part):
    hub.files["/f.bin"] = CONTENT
    store.mkdir()
    (store / f"{SHA256}.part").write_bytes(part)
    assert fetch(asset(f"{hub.url}/f.bin"), store, None).read_bytes() == CONTENT
    assert hub.ranges == [f"bytes={len(part)}-", None]


def test_every_source_that_failed_is_listed_with_its_reason(hub, store, dead_url):
    hub.files = {"/wrong.bin": b"wrong", "/long.bin": b"wrong"}
    sources = (f"{hub.url}/wrong.bin", f"{hub.url}/absent.bin", dead_url)
    message = refusal(asset(*sources), store)
    found = hashlib.sha256(b"wrong").hexdigest()
    assert f"{sources[0]}: set/f.bin has other bytes than the pin: expected sha256 {SHA256}, found {found}" in message
    assert f"{sources[1]}: HTTP 404" in message
    assert f"{dead_url}: cannot connect" in message
    assert "mirror folder: BERTY_MIRROR is not set" in message
    assert "set BERTY_MIRROR" in message.splitlines()[-1]


def test_a_file_of_another_size_is_not_downloaded(hub, store):
    hub.files["/f.bin"] = CONTENT
    message = refusal(asset(f"{hub.url}/f.bin", sha256="0" * 64, size=5), store)
    assert f"has {len(CONTENT):,} bytes, expected 5" in message


def test_of_several_assets_one_is_enough_and_what_the_mirror_has_comes_first(hub, store, tmp_path, dead_url):
    whole = Asset("whole.csv", (f"{hub.url}/whole.csv",), sha256=hashlib.sha256(b"whole").hexdigest())
    part = Asset("part.csv", (dead_url,), sha256=hashlib.sha256(b"part").hexdigest())
    with pytest.raises(FetchError) as caught:
        fetch_any([whole, part], store, tmp_path)
    message = str(caught.value)
    assert "none of whole.csv, part.csv can be had" in message and "part.csv: no such file" in message
    assert "whole.csv: HTTP 404" in message and f"{dead_url}: cannot connect" in message
    hub.files["/whole.csv"], hub.ranges = b"whole", []
    (tmp_path / "part.csv").write_bytes(b"part")
    taken, stored = fetch_any([whole, part], store, tmp_path)
    assert (taken, stored.read_bytes(), hub.ranges) == ("part.csv", b"part", [])
    stored.unlink()
    taken, stored = fetch_any([whole, part], store, None)
    assert (taken, stored.read_bytes()) == ("whole.csv", b"whole")
    (tmp_path / "whole.csv").write_bytes(b"whole")
    assert fetch_any([whole, part], store, tmp_path)[0] == "whole.csv"


def test_a_mirror_without_the_file_or_with_other_bytes_is_passed_over_and_named(hub, store, tmp_path):
    mirror = tmp_path / "mirror"
    assert f"{mirror / 'set' / 'f.bin'}: no such file" in refusal(asset(), store, mirror)
    (mirror / "set").mkdir(parents=True)
    (mirror / "set" / "f.bin").write_bytes(b"wrong")
    assert "mirror folder: set/f.bin has other bytes than the pin" in refusal(asset(), store, mirror)
    hub.files["/f.bin"] = CONTENT
    assert fetch(asset(f"{hub.url}/f.bin"), store, mirror).read_bytes() == CONTENT


def test_a_stored_file_that_was_damaged_is_fetched_again(hub, store):
    hub.files["/f.bin"] = CONTENT
    path = fetch(asset(f"{hub.url}/f.bin"), store, None)
    path.write_bytes(CONTENT[:-1] + b"x")
    assert fetch(asset(f"{hub.url}/f.bin"), store, None).read_bytes() == CONTENT
    assert len(hub.ranges) == 2


def test_processes_at_once_download_once(hub, store):
    hub.files["/f.bin"] = CONTENT
    hub.delay_seconds = 0.5  # Long enough for every process to ask, were it not kept from it.
    code = (
        "import pathlib, sys; from pipeline.data.fetch import Asset, fetch;"
        "fetch(Asset('f.bin', (sys.argv[1],), sha256=sys.argv[2]), pathlib.Path(sys.argv[3]), None)"
    )
    command = [sys.executable, "-c", code, f"{hub.url}/f.bin", SHA256, str(store)]
    processes = [subprocess.Popen(command, cwd=Path(__file__).parents[3]) for _ in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    assert (hub.ranges, (store / SHA256).read_bytes() == CONTENT) == ([None], True)


def test_put_links_and_replaces(tmp_path):
    stored, destination = tmp_path / "stored", tmp_path / "out" / "f.bin"
    stored.write_bytes(CONTENT)
    destination.parent.mkdir()
    destination.write_bytes(b"old")
    for _ in range(2):
        put(stored, destination)
        assert destination.samefile(stored)
    assert [path.name for path in destination.parent.iterdir()] == ["f.bin"]


def test_put_copies_where_linking_fails(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError("cross-device link")

    monkeypatch.setattr("os.link", refuse)
    stored, destination = tmp_path / "stored", tmp_path / "out" / "f.bin"
    stored.write_bytes(CONTENT)
    put(stored, destination)
    assert (destination.read_bytes(), destination.samefile(stored)) == (CONTENT, False)


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder that pip takes wheels from, in place of an index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def write_wheel(folder: Path, members: dict[str, bytes]) -> None:
    info = "tiny_weights-0.1.0.dist-info"
    metadata = b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 0.1.0\n"
    tags = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = members | {f"{info}/METADATA": metadata, f"{info}/WHEEL": tags, f"{info}/RECORD": b""}
    with zipfile.ZipFile(folder / "tiny_weights-0.1.0-py3-none-any.whl", "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)


WHEEL = "wheel://tiny-weights==0.1.0/tiny_weights/model"


def test_a_file_of_the_project_is_a_source_and_its_pin_decides(store, tmp_path):
    assert "data/f.bin: " in refusal(asset("data/f.bin"), store)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "f.bin").write_bytes(CONTENT)
    assert fetch(asset("data/f.bin"), store, None, tmp_path).read_bytes() == CONTENT
    (store / SHA256).unlink()
    (tmp_path / "data" / "f.bin").write_bytes(b"wrong")
    with pytest.raises(FetchError, match=r"data/f\.bin: set/f\.bin has other bytes than the pin"):
        fetch(asset("data/f.bin"), store, None, tmp_path)


def test_members_of_a_wheel_with_one_download(wheels, store):
    write_wheel(wheels, {"tiny_weights/model/f.bin": CONTENT, "tiny_weights/model/g.bin": b"g"})
    assert fetch(asset(f"{WHEEL}/f.bin"), store, None).read_bytes() == CONTENT
    next(wheels.iterdir()).unlink()
    second = Asset("set/g.bin", (f"{WHEEL}/g.bin",), sha256=hashlib.sha256(b"g").hexdigest())
    assert fetch(second, store, None).read_bytes() == b"g"


def test_why_a_wheel_did_not_help_is_said(wheels, store):
    assert "pip download failed" in refusal(asset(f"{WHEEL}/f.bin"), store)
    write_wheel(wheels, {"tiny_weights/model/f.bin": b"wrong"})
    message = refusal(asset(f"{WHEEL}/f.bin", f"{WHEEL}/absent.bin"), store)
    assert f"{WHEEL}/f.bin: set/f.bin has other bytes than the pin" in message
    assert "has no member tiny_weights/model/absent.bin" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of sha256 and git_blob"),
        ({"sha256": SHA256, "git_blob": "0" * 40}, "exactly one of sha256 and git_blob"),
        ({"sha256": SHA256[:-1]}, "is not 64 lower-case hex digits"),
        ({"git_blob": SHA256}, "is not 40 lower-case hex digits"),
        ({"sha256": SHA256, "name": "../f.bin"}, "relative path"),
        ({"sha256": SHA256, "sources": ("ftp://x/y",)}, "is not one of https"),
        ({"sha256": SHA256, "sources": ("wheel://name/member",)}, "is not one of https"),
        ({"sha256": SHA256, "sources": ("data/../../f.bin",)}, "is not one of https"),
        ({"sha256": SHA256, "sources": ("/data/f.bin",)}, "is not one of https"),
    ],
)
def test_an_asset_that_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Asset(**({"name": "f.bin"} | arguments))


def test_a_server_that_brings_no_more_bytes_is_given_up_and_the_next_goes_on(hub, store):
    hub.files = {"/cut.bin": CONTENT, "/f.bin": CONTENT}
    hub.cuts = [300_000, 0]
    assert fetch(asset(f"{hub.url}/cut.bin", f"{hub.url}/f.bin"), store, None).read_bytes() == CONTENT
    assert hub.ranges == [None, "bytes=300000-", "bytes=300000-"]


def test_what_a_kill_left_just_before_the_move_is_used(hub, store):
    hub.files["/f.bin"] = CONTENT
    store.mkdir()
    (store / f"{SHA256}.part").write_bytes(CONTENT)
    assert fetch(asset(f"{hub.url}/f.bin"), store, None).read_bytes() == CONTENT
    assert hub.ranges == [f"bytes={len(CONTENT)}-"]


def test_after_wrong_bytes_404_and_a_dead_server_the_next_source_is_used(hub, store, dead_url):
    hub.files = {"/wrong.bin": b"wrong", "/f.bin": CONTENT}
    sources = (f"{hub.url}/wrong.bin", f"{hub.url}/absent.bin", dead_url, f"{hub.url}/f.bin")
    assert fetch(asset(*sources), store, None).read_bytes() == CONTENT


def test_the_mirror_comes_before_the_sources(hub, store, tmp_path):
    hub.files["/f.bin"] = CONTENT
    (tmp_path / "mirror" / "set").mkdir(parents=True)
    (tmp_path / "mirror" / "set" / "f.bin").write_bytes(CONTENT)
    assert fetch(asset(f"{hub.url}/f.bin"), store, tmp_path / "mirror").read_bytes() == CONTENT
    assert hub.ranges == []


def test_a_kept_wheel_that_is_damaged_is_downloaded_again(wheels, store):
    write_wheel(wheels, {"tiny_weights/model/f.bin": CONTENT})
    path = fetch(asset(f"{WHEEL}/f.bin"), store, None)
    path.unlink()
    (kept,) = (store / "wheels").rglob("*.whl")
    kept.write_bytes(kept.read_bytes()[:1000])
    assert fetch(asset(f"{WHEEL}/f.bin"), store, None).read_bytes() == CONTENT
