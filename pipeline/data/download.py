"""One file over HTTP, resumed by Range (RFC 9110, section 14) from where an earlier try was cut."""

from pathlib import Path

import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError

TIMEOUT_SECONDS = (3.0, 30.0)  # to connect, and to send the next bytes: a dead host is given up soon, a slow one not
CHUNK_BYTES = 1 << 18


class SourceFailed(Exception):
    """A source cannot give the file; the message is the reason, without the source's name."""


class _ConnectionCut(Exception):
    """The server stopped before the end: what came is kept, and asking for the rest may help."""


def download(url: str, part: Path, name: str, size: int | None) -> None:
    """Bring a whole file to `part`, beginning after the bytes that are there already.

    A connection that is cut is taken up again as long as each try brings more bytes. A server that ignores the range
    starts the file anew. `name` labels the progress bar; a server that announces another size than `size` has failed.
    """
    while True:
        size_before = _size(part)
        try:
            return _append(url, part, name, size)
        except _ConnectionCut as cut:
            if _size(part) <= size_before:
                raise SourceFailed(f"connection cut after {_size(part):,} bytes ({cut})") from None


def _append(url: str, part: Path, name: str, size: int | None) -> None:
    start = _size(part)
    # Compressed bytes could be neither resumed nor counted.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        response = requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS)
    except requests.ConnectionError as error:  # its timeout among them
        raise SourceFailed(f"cannot connect ({error})") from None
    except requests.RequestException as error:
        raise SourceFailed(f"no answer ({error})") from None
    with response:
        if response.status_code == requests.codes.range_not_satisfiable and start:
            return  # Nothing is left to send: the pin decides about what is there.
        if not response.ok:
            raise SourceFailed(f"HTTP {response.status_code} {response.reason}")
        is_rest, sent = response.status_code == requests.codes.partial, response.headers.get("Content-Range", "")
        if is_rest and not sent.startswith(f"bytes {start}-"):
            raise SourceFailed(f"asked for bytes {start}-, got {sent}")
        start = start if is_rest else 0
        remaining = response.headers.get("Content-Length")
        total = start + int(remaining) if remaining else None
        if size is not None and total is not None and total != size:
            raise SourceFailed(f"the file there has {total:,} bytes, expected {size:,}")
        response.raw.enforce_content_length = False  # else the bytes before a cut would be lost
        with part.open("ab" if is_rest else "wb") as file:
            bar = tqdm(desc=name, total=total, initial=start, unit="B", unit_scale=True, leave=False)
            with bar:
                try:
                    for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
                        file.write(chunk)
                        bar.update(len(chunk))
                except HTTPError as error:
                    raise _ConnectionCut(error) from None
            if total is not None and file.tell() < total:
                raise _ConnectionCut(f"{total:,} were announced")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
