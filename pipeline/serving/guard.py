"""What stands before MLflow's model server: hosts by name, bounds on body, rows and sentences, refusals with a reason.

It runs as a file (`python -P pipeline/serving/guard.py MODEL_URI ADDRESS PORT HOST ...`) and imports nothing of the
project: `pipeline` and `model` are those that the model brings along. ASGI: https://asgi.readthedocs.io
"""

import asyncio
import csv
import io
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

# What a request may ask for. The memory that tokenizing takes is some 200 times a text's; files go to stages.predict.
MAX_BYTES = 2**20
MAX_DROPPED = 64 * MAX_BYTES  # of a body that is too large, before the connection is closed
MAX_ROWS = 256
MAX_CHARACTERS = 10_000  # of a sentence: far above what the encoders' 512 tokens can be
MAX_WAITING = 128  # connections
SECONDS_FOR_BODY, SECONDS_TO_ANSWER = 30, 600
PATHS = ("/ping", "/health", "/version", "/invocations")
COLUMNS = ("sentence1", "sentence2")
LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")
SHOWN = 60  # characters of what is refused

Scope, Message, Row = dict[str, Any], dict[str, Any], dict[str, str | None]
Receive, Send = Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Refusal(Exception):
    """A request that is not passed on: an HTTP status and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Guard:
    """Passes on what `hosts` are asked in, one prediction at a time: each may take all cores, and memory of its own."""

    def __init__(self, app: App, hosts: list[str]) -> None:
        self._app, self._hosts, self._turn = app, {host.lower() for host in hosts}, asyncio.Semaphore(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        try:
            self._check(scope)
            if scope["path"] != "/invocations" or scope["method"] != "POST":
                return await self._app(scope, receive, send)
            headers = dict(scope["headers"])
            body = await _read_body(headers, receive)
            rows = read_rows(body, headers.get(b"content-type", b"").decode("latin-1"))
            async with self._turn:
                await self._app(*_replace_body(scope, {"dataframe_records": rows}), _without_traces(send))
        except Refusal as refusal:
            await _answer(send, refusal.status, {"error_code": "BAD_REQUEST", "message": str(refusal)})

    def _check(self, scope: Scope) -> None:
        hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
        names = [host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host for host in hosts]
        if len(names) != 1 or names[0] not in self._hosts:
            raise Refusal(403, f"host {', '.join(hosts)!r:.{SHOWN}}; allowed: {', '.join(sorted(self._hosts))}")
        if scope["path"] not in PATHS:
            raise Refusal(404, f"allowed: {', '.join(PATHS)}")


def read_rows(body: bytes, content_type: str) -> list[Row]:
    """The rows of a request, `sentence1` and `sentence2` (None: there is none) of each.

    JSON in MLflow's forms (`dataframe_records`, `dataframe_split`, `instances`, `inputs`) or csv with a header.
    Anything else, and what is over the limits, is a `Refusal` that names the row and column.
    """
    kind, *options = (part.strip().lower() for part in content_type.split(";"))
    if kind not in READERS or options not in ([], ["charset=utf-8"]):
        allowed = " or ".join(READERS)
        raise Refusal(415, f"content type {content_type!r:.{SHOWN}}; allowed: {allowed}, in UTF-8")
    try:
        rows = READERS[kind](body.decode())
    except UnicodeDecodeError:
        raise Refusal(400, "the body is not UTF-8") from None
    except (ValueError, RecursionError, csv.Error) as error:
        raise Refusal(400, f"the body is no {kind} ({error!s:.{SHOWN}})") from None
    if not rows or len(rows) > MAX_ROWS:
        raise Refusal(413 if rows else 400, f"{len(rows)} rows; allowed: 1 to {MAX_ROWS}")
    return [_read_row(place, row) for place, row in enumerate(rows)]


def _read_row(place: int, row: Any) -> Row:
    if not isinstance(row, dict):
        raise Refusal(400, f"row {place} is {row!r:.{SHOWN}}; allowed: an object with {' and '.join(COLUMNS)}")
    for name in COLUMNS:
        value = row.get(name)
        if isinstance(value, str) and len(value) > MAX_CHARACTERS:
            raise Refusal(413, f"{name} in row {place} has {len(value)} characters; allowed: {MAX_CHARACTERS}")
        if not isinstance(value, str | None) or not _is_text(value or "") or (value is None and name == COLUMNS[0]):
            said = "is missing" if value is None else f"is {value!r:.{SHOWN}}"
            raise Refusal(400, f"{name} in row {place} {said}; allowed: text")
    return {name: row.get(name) for name in COLUMNS}


def _is_text(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)  # half of a pair, which JSON can write


def _read_json(text: str) -> list[Any]:
    content = json.loads(text)
    given = [form for form in FORMS if isinstance(content, dict) and form in content]
    if len(given) != 1:
        raise Refusal(400, f"allowed: an object with one of {', '.join(FORMS)}")
    return list(FORMS[given[0]](content[given[0]]))


def _list_records(content: Any) -> Iterator[Any]:
    """Rows as a list of objects, or an object of columns."""
    if isinstance(content, dict):
        yield from _list_split({"columns": list(content), "data": _turn(list(content.values()))})
    elif isinstance(content, list):
        yield from content
    else:
        raise Refusal(400, f"{content!r:.{SHOWN}}; allowed: a list of rows")


def _list_split(content: Any) -> Iterator[dict[str, Any]]:
    """An object with the names of the columns and the rows as lists."""
    names, data = (content.get(key) if isinstance(content, dict) else None for key in ("columns", "data"))
    if not isinstance(names, list) or not isinstance(data, list):
        raise Refusal(400, "dataframe_split; allowed: an object with lists `columns` and `data`")
    for place, values in enumerate(data):
        if not isinstance(values, list) or len(values) != len(names):
            raise Refusal(400, f"row {place} is {values!r:.{SHOWN}}; allowed: a list of {len(names)} values")
        yield {str(name): value for name, value in zip(names, values, strict=True)}


def _turn(columns: list[Any]) -> list[list[Any]]:
    if not all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
        raise Refusal(400, "columns; allowed: lists of one length")
    return [list(row) for row in zip(*columns, strict=True)]


def _read_csv(text: str) -> list[Any]:
    """An empty second sentence is none."""
    names, *rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row] or [[]]
    records = _list_split({"columns": names, "data": rows})
    return [row | {COLUMNS[1]: row.get(COLUMNS[1]) or None} for row in records]


FORMS: dict[str, Callable[[Any], Iterator[Any]]] = {
    "dataframe_records": _list_records,
    "dataframe_split": _list_split,
    "instances": _list_records,
    "inputs": _list_records,
}
READERS: dict[str, Callable[[str], list[Any]]] = {"application/json": _read_json, "text/csv": _read_csv}


async def _read_body(headers: dict[bytes, bytes], receive: Receive) -> bytes:
    """The body; of one that is too large the rest is dropped as it comes, since who still sends hears no answer."""
    too_large = Refusal(413, f"the body; allowed: {MAX_BYTES} bytes")
    length = headers.get(b"content-length", b"0")[:20]
    if int(length) > MAX_BYTES and b"expect" in headers:
        raise too_large  # it waits for a word before it sends
    body, size, more = bytearray(), 0, True
    try:
        async with asyncio.timeout(SECONDS_FOR_BODY):
            while more and size <= MAX_DROPPED:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refusal(400, "the body is cut")
                block, more = message.get("body", b""), message.get("more_body", False)
                size += len(block)
                body += block if size <= MAX_BYTES else b""
    except TimeoutError:
        raise Refusal(408, f"the body did not come within {SECONDS_FOR_BODY} s") from None
    if size > MAX_BYTES:
        raise too_large
    return bytes(body)


def _replace_body(scope: Scope, content: Any) -> tuple[Scope, Receive]:
    """The request with a JSON body of ours."""
    body = json.dumps(content).encode()
    own = {b"content-type": b"application/json", b"content-length": str(len(body)).encode()}
    gone = (*own, b"transfer-encoding", b"content-encoding")
    headers = [(name, value) for name, value in scope["headers"] if name not in gone]
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        if (message := next(messages, None)) is not None:
            return message
        return await asyncio.get_running_loop().create_future()  # whoever waits for the client's end is cancelled

    return scope | {"headers": [*headers, *own.items()]}, receive


def _without_traces(send: Send) -> Send:
    """Answers as they are; of an error's only the code and the first line of the message: no stack of ours."""
    status, parts = 200, []

    async def filtered(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start" and message["status"] >= 400:
            status = message["status"]
        elif status < 400:
            await send(message)
        else:
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                await _answer(send, status, _shorten(b"".join(parts)))

    return filtered


def _shorten(body: bytes) -> dict[str, str]:
    try:
        content = json.loads(body)
        code, why = str(content["error_code"]), str(content["message"])
    except (ValueError, KeyError, TypeError):
        code, why = "INTERNAL_ERROR", body.decode(errors="replace")
    return {"error_code": code, "message": why.rpartition("\nError: ")[2].partition("\n")[0][:1000]}


async def _answer(send: Send, status: int, content: dict[str, str]) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status in (408, 413):
        headers.append((b"connection", b"close"))  # the rest of the body is not read
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve a model until the process is told to end."""
    uri, address, port, *hosts = sys.argv[1:]
    os.environ.setdefault("MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT", str(SECONDS_TO_ANSWER))
    import uvicorn
    from mlflow.pyfunc import load_model, scoring_server

    app = Guard(scoring_server.init(load_model(uri)), [*LOCAL_HOSTS, *hosts])
    # h11 bounds a request's head, 64 kB; a socket for something else than http is none of this server's.
    uvicorn.run(app, host=address, port=int(port), http="h11", ws="none", limit_concurrency=MAX_WAITING)


if __name__ == "__main__":
    main()
