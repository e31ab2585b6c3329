"""Downloading over HTTP: a cut is resumed by Range, and a server that does not help is given up with its reason."""

import pytest

from pipeline.data.download import SourceFailed, download

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def part(tmp_path):
    return tmp_path / "f.part"


def test_cuts_are_resumed_where_they_happened(hub, part):
    hub.files["/f.bin"] = CONTENT
    hub.cuts = [300_000, 500_000]
    download(f"{hub.url}/f.bin", part, "f", len(CONTENT))
    assert part.read_bytes() == CONTENT
    assert hub.ranges == [None, "bytes=300000-", "bytes=800000-"]


def test_a_server_that_ignores_the_range_starts_anew(hub, part):
    hub.files["/f.bin"] = CONTENT
    hub.honours_range = False
    part.write_bytes(b"x" * 1000)
    download(f"{hub.url}/f.bin", part, "f", None)
    assert part.read_bytes() == CONTENT
    assert hub.ranges == ["bytes=1000-"]


def test_a_server_that_sends_another_range_has_failed(hub, part):
    hub.files["/f.bin"] = CONTENT
    hub.range_shift = 7
    part.write_bytes(CONTENT[:1000])
    with pytest.raises(SourceFailed, match=f"asked for bytes 1000-, got bytes 1007-{len(CONTENT) - 1}"):
        download(f"{hub.url}/f.bin", part, "f", None)
    assert part.read_bytes() == CONTENT[:1000]


def test_tries_end_when_they_bring_nothing_and_what_came_is_kept(hub, part):
    hub.files["/f.bin"] = CONTENT
    hub.cuts = [300_000, 0]
    with pytest.raises(SourceFailed, match="connection cut after 300,000 bytes"):
        download(f"{hub.url}/f.bin", part, "f", None)
    assert part.read_bytes() == CONTENT[:300_000]
    assert len(hub.ranges) == 2


def test_reasons(hub, part, dead_url):
    hub.files["/f.bin"] = CONTENT
    for url, size, reason in [
        (f"{hub.url}/absent.bin", None, "HTTP 404"),
        (dead_url, None, "cannot connect"),
        (f"{hub.url}/f.bin", 5, f"has {len(CONTENT):,} bytes, expected 5"),
    ]:
        with pytest.raises(SourceFailed, match=reason):
            download(url, part, "f", size)
        assert not part.exists()


def test_a_complete_part_is_left_as_it_is(hub, part):
    hub.files["/f.bin"] = CONTENT
    part.write_bytes(CONTENT)
    download(f"{hub.url}/f.bin", part, "f", None)
    assert (part.read_bytes(), hub.ranges) == (CONTENT, [f"bytes={len(CONTENT)}-"])
