"""What the model server is asked: passed on whole, or refused with a reason before it costs anything."""

import asyncio
import json
from typing import Any

import pytest

from pipeline.serving import guard
from pipeline.serving.guard import Guard, Refusal, read_rows

JSON = "application/json"
ROWS = [{"sentence1": "a", "sentence2": "b"}, {"sentence1": "c", "sentence2": None}]


def ask(body: bytes = b"", app: Any = None, **changes: Any) -> tuple[int, Any]:
    """Status and content of the answer; without an app, the body that is passed on to one."""

    async def echo(scope: dict, receive: Any, send: Any) -> None:
        message = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": scope["headers"]})
        await send({"type": "http.response.body", "body": message["body"]})

    async def receive() -> dict:
        return {"type": "http.request", "body": body, "more_body": changes.get("endless", False)}

    async def send(message: dict) -> None:
        sent.append(message)

    sent: list[dict] = []
    headers = {"host": changes.get("host", "127.0.0.1:5001"), "content-type": changes.get("kind", JSON)}
    headers |= {name: changes[name] for name in ("content-length", "expect") if name in changes}
    given = [(name.encode(), value.encode()) for name, value in headers.items() if value is not None]
    scope = {"type": "http", "method": "POST", "path": changes.get("path", "/invocations"), "headers": given}
    asyncio.run(Guard(app or echo, ["127.0.0.1", "localhost", "[::1]", "Model.Example"])(scope, receive, send))
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent))


@pytest.mark.parametrize(
    "host", ["127.0.0.1:5001", "127.0.0.1", "localhost:80", "[::1]:5001", "[::1]", "model.example"]
)
def test_hosts_are_known_by_name(host: str) -> None:
    assert ask(json.dumps({"instances": ROWS}).encode(), host=host) == (200, {"dataframe_records": ROWS})


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:5001", "127.0.0.1.evil.example", "", None, "::1", "x:y"]
)
def test_another_host_is_refused_whatever_is_asked(host: str | None) -> None:
    for path in (*guard.PATHS, "/elsewhere"):
        status, answer = ask(path=path, host=host)
        assert status == 403 and "allowed: 127.0.0.1" in answer["message"]


@pytest.mark.parametrize(
    "content",
    [
        {"dataframe_records": ROWS},
        {"dataframe_split": {"columns": ["sentence2", "x", "sentence1"], "data": [["b", 0, "a"], [None, 0, "c"]]}},
        {"inputs": {"sentence1": ["a", "c"], "sentence2": ["b", None]}},
        {"instances": [ROWS[0], {"sentence1": "c", "other": [1]}]},
    ],
)
def test_every_form_of_rows_is_the_same_to_the_model(content: dict) -> None:
    assert ask(json.dumps(content).encode(), kind="application/json; charset=UTF-8") == (
        200,
        {"dataframe_records": ROWS},
    )


def test_csv_takes_words_as_they_are() -> None:
    text = b'sentence1,sentence2\n"a, ""b""",NA\nc,\n'
    assert read_rows(text, "text/csv") == [{"sentence1": 'a, "b"', "sentence2": "NA"}, ROWS[1]]


def records(*rows: object) -> bytes:
    return json.dumps({"dataframe_records": rows}).encode()


LONG = "w" * 10_001
REFUSED = {
    "no content type": (415, "content type ''; allowed: application/json or text/csv", records(*ROWS), None),
    "another": (415, "allowed: application/json", records(*ROWS), "application/vnd.apache.parquet"),
    "charset": (415, "in UTF-8", records(*ROWS), "application/json; charset=latin-1"),
    "no json": (400, "the body is no application/json", b"{", JSON),
    "no utf-8": (400, "the body is not UTF-8", b'{"instances": ["\xff"]}', JSON),
    "nested": (400, "recursion", b'{"instances": ' + b"[" * 100_000, JSON),
    "nested and closed": (400, "recursion", b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON),
    "huge integer": (400, "the body is no", b'{"instances": [' + b"9" * 5000 + b"]}", JSON),
    "large integer": (400, "sentence1 in row 0 is 999", records({"sentence1": int("9" * 4000)}), JSON),
    "no form": (400, "allowed: an object with one of", b"[]", JSON),
    "two forms": (400, "allowed: an object with one of", b'{"inputs": [], "instances": []}', JSON),
    "no rows": (400, "0 rows; allowed: 1 to", records(), JSON),
    "no list": (400, "5; allowed: a list of rows", b'{"inputs": 5}', JSON),
    "no object": (400, "row 0 is 5; allowed: an object", records(5), JSON),
    "missing": (400, "sentence1 in row 1 is missing; allowed: text", records({"sentence1": "a"}, {}), JSON),
    "no text": (400, "sentence2 in row 0 is 5; allowed: text", records({"sentence1": "a", "sentence2": 5}), JSON),
    "half a character": (400, "sentence1 in row 0 is", rb'{"inputs": [{"sentence1": "\ud800"}]}', JSON),
    "split": (400, "row 0 is [1]; allowed: a list", b'{"dataframe_split": {"columns": [], "data": [[1]]}}', JSON),
    "columns": (400, "columns; allowed", b'{"inputs": {"sentence1": ["a"], "sentence2": []}}', JSON),
    "broken csv": (400, "the body is no text/csv", b'sentence1\n"a', "text/csv"),
    "uneven csv": (400, "row 0 is ['a', 'b']; allowed: a list of 1", b"sentence1\na,b\n", "text/csv"),
    "many rows": (413, "rows; allowed: 1 to", records(*[ROWS[0]] * (guard.MAX_ROWS + 1)), JSON),
    "a long sentence": (413, "sentence2 in row 0 has 10001", records({"sentence1": "a", "sentence2": LONG}), JSON),
    "a large body": (413, "allowed: 1048576 bytes", b" " * (guard.MAX_BYTES + 1), JSON),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why(name: str) -> None:
    status, message, body, kind = REFUSED[name]
    found, answer = ask(body, kind=kind)
    assert found == status and message in answer["message"] and len(answer["message"]) < 300


def test_a_body_without_end_is_counted_while_it_comes() -> None:
    assert ask(b"w" * 2**16, endless=True)[0] == 413
    assert ask(b"", **{"content-length": str(2**60), "expect": "100-continue"})[0] == 413


def test_only_what_the_model_needs_is_there() -> None:
    assert ask(path="/docs")[0] == 404


def test_an_error_of_the_model_shows_no_stack() -> None:
    async def fail(scope: dict, receive: Any, send: Any) -> None:
        error = {
            "error_code": "BAD_REQUEST",
            "message": "Failed to predict data 'x'. \nError: why\nat",
            "stack_trace": "secret",
        }
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(error).encode()})

    assert ask(records(*ROWS), fail) == (400, {"error_code": "BAD_REQUEST", "message": "why"})


def test_predictions_take_turns() -> None:
    running, most = 0, 0

    async def app(scope: dict, receive: Any, send: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    async def ask_all() -> None:
        async def receive() -> dict:
            return {"type": "http.request", "body": records(*ROWS)}

        headers = [(b"host", b"localhost"), (b"content-type", JSON.encode())]
        scope = {"type": "http", "method": "POST", "path": "/invocations", "headers": headers}
        guarded = Guard(app, ["localhost"])
        await asyncio.gather(*(guarded(scope, receive, app) for _ in range(16)))

    asyncio.run(ask_all())
    assert most == 1


@pytest.mark.parametrize("body", [b"null", b'{"inputs": {"": []}}', b'{"dataframe_split": 1}', b'{"inputs": {"a": 1}}'])
def test_a_refusal_is_the_only_error(body: bytes) -> None:
    with pytest.raises(Refusal):
        read_rows(body, JSON)
