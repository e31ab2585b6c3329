"""One file over HTTP, resumed by Range (RFC 9110, section 14) from where an earlier try was cut."""

import http.client
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

CONNECT_TIMEOUT_SECONDS = 3.0
READ_TIMEOUT_SECONDS = 30.0
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
        response = _OPENER.open(urllib.request.Request(url, headers=headers), timeout=CONNECT_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            return  # Nothing is left to send: the pin decides about what is there.
        raise SourceFailed(f"HTTP {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise SourceFailed(f"cannot connect ({error.reason})") from None
    except (OSError, http.client.HTTPException) as error:
        raise SourceFailed(f"no answer ({error or type(error).__name__})") from None
    with response:
        is_rest = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if response.status == 206 and not is_rest:
            raise SourceFailed(f"asked for bytes {start}-, got {response.headers.get('Content-Range')}")
        start = start if is_rest else 0
        remaining = response.headers.get("Content-Length")
        total = start + int(remaining) if remaining else None
        if size is not None and total is not None and total != size:
            raise SourceFailed(f"the file there has {total:,} bytes, expected {size:,}")
        with part.open("ab" if is_rest else "wb") as file:
            bar = tqdm(desc=name, total=total, initial=start, unit="B", unit_scale=True, leave=False)
            with bar:
                try:
                    while chunk := response.read(CHUNK_BYTES):
                        file.write(chunk)
                        bar.update(len(chunk))
                except (OSError, http.client.HTTPException) as error:
                    raise _ConnectionCut(error or type(error).__name__) from None
            if total is not None and file.tell() < total:
                raise _ConnectionCut(f"{total:,} were announced")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class _Http(http.client.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(READ_TIMEOUT_SECONDS)


class _Https(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(READ_TIMEOUT_SECONDS)


class _HttpHandler(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Http, request)


class _HttpsHandler(urllib.request.HTTPSHandler):
    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Https, request)


# urllib has one timeout; a dead host should be given up in seconds, a slow one not.
_OPENER = urllib.request.build_opener(_HttpHandler, _HttpsHandler)
