"""A headless Chromium, driven over the DevTools protocol: https://chromedevtools.github.io/devtools-protocol/."""

import asyncio
import base64
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome")
SECONDS_TO_START = 60
SECONDS_TO_ANSWER = 60
# Every area half its height on, from its end to its top.
SCROLL_ON = """for (const area of document.querySelectorAll("*")) {
    const height = area.clientHeight, isAtEnd = area.scrollTop + height >= area.scrollHeight - 1;
    if (height && area.scrollHeight > height + 1) area.scrollTop = isAtEnd ? 0 : area.scrollTop + height / 2;
}"""
SCROLL_UP = 'for (const area of document.querySelectorAll("*")) if (area.scrollTop) area.scrollTop = 0'


def find_chromium() -> str | None:
    """The browser's path, or None where PATH has none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """The one page of a browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._count = 0

    async def open(self, address: str) -> None:
        """Go to an address; the page may still be loading."""
        await self._call("Page.navigate", url=address)

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = await self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return answer["result"].get("value")

    async def text(self) -> str:
        """What the page has in memory: of a long table or list only what is near where it is scrolled to."""
        return await self.evaluate("document.body ? document.body.innerText : ''")

    async def wait_for(self, is_there: Callable[[str], bool], seconds: float) -> str:
        """All that was on the page while its areas were scrolled through, as soon as `is_there` says yes to it.

        After `seconds` an `AssertionError` shows the page's text. What scrolls is at its top again in the end.
        """
        deadline, seen = time.monotonic() + seconds, ""
        while not is_there(seen := f"{seen}\n{await self.text()}"):
            assert time.monotonic() < deadline, f"not on the page after {seconds} s:\n{(await self.text())[:5000]}"
            await self.evaluate(SCROLL_ON)
            await asyncio.sleep(0.3)
        await self.evaluate(SCROLL_UP)
        return seen

    async def screenshot(self, path: Path) -> None:
        """Write what is in the window as a PNG."""
        answer = await self._call("Page.captureScreenshot", format="png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    async def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._count += 1
        await self._socket.send_json({"id": self._count, "method": method, "params": params})
        async with asyncio.timeout(SECONDS_TO_ANSWER):
            while True:
                message = await self._socket.receive_json()
                if message.get("id") == self._count:
                    assert "error" not in message, f"{method}: {message['error']}"
                    return message["result"]


@asynccontextmanager
async def open_browser(profile: Path, width: int = 1500, height: int = 1000) -> AsyncIterator[Page]:
    """Start a browser with the empty folder `profile` as its memory; leaving the block ends it."""
    command = [find_chromium(), "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    command += [f"--window-size={width},{height}", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage"]
    command += ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses to be root in a sandbox
    process = subprocess.Popen(
        [*command, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        address = f"http://127.0.0.1:{await _read_port(profile, process)}"
        # Only what is on this machine may be asked; a proxy of the environment is not.
        async with aiohttp.ClientSession(trust_env=False) as session:
            async with session.get(f"{address}/json/list") as answer:
                (target,) = [target for target in await answer.json() if target["type"] == "page"]
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def _read_port(profile: Path, process: subprocess.Popen[bytes]) -> str:
    """The port of the protocol, which the browser writes once it is ready."""
    file, deadline = profile / "DevToolsActivePort", time.monotonic() + SECONDS_TO_START
    while not (file.exists() and file.read_text().count("\n")):
        assert process.poll() is None, f"the browser ended with exit code {process.returncode}"
        assert time.monotonic() < deadline, "the browser did not start"
        await asyncio.sleep(0.1)
    return file.read_text().split("\n")[0]
