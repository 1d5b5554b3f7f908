"""A real headless Chromium, driven over its DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/ describes the methods named here.
"""

import asyncio
import base64
import itertools
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import IO, Any

import aiohttp
import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    # Everything below keeps it from calling its maker's hosts.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)
_ANSWER_S = 20.0
_NAVIGATED = ("navigated or closed", "context was destroyed", "Cannot find default execution context", "was collected")
"""What it says of a script whose page has been replaced by another, or by itself anew."""


class BrowserError(Exception):
    """The browser refused a command, or a script in the page threw."""


def program() -> str:
    """The path of Chromium; skips the test where there is none, and fails it where CI is true."""
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    reason = "no Chromium on this machine (Debian: apt-get install chromium)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.complaints: list[str] = []
        """Errors and warnings of the console so far: uncaught exceptions, refused by policy, not found."""
        self.on: dict[str, Callable[[dict[str, Any]], None]] = {}
        """Called with each event of a name."""

    async def listen(self) -> None:
        """Hand answers to who waits for them, until the tab is gone."""
        async for message in self._socket:
            data = message.json()
            if "id" in data:
                self._answers.pop(data["id"]).set_result(data)
                continue
            if data["method"] in self.on:
                self.on[data["method"]](data["params"])
            if data["method"] == "Runtime.exceptionThrown":
                self.complaints.append(data["params"]["exceptionDetails"]["text"])
            elif data["method"] == "Log.entryAdded" and data["params"]["entry"]["level"] in ("error", "warning"):
                self.complaints.append(data["params"]["entry"]["text"])

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One DevTools command and its result.

        Raises:
            BrowserError: the browser refused it.
        """
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(_ANSWER_S):
            data = await answer
        if "error" in data:
            raise BrowserError(f"{method}: {data['error']['message']}")
        result: dict[str, Any] = data["result"]
        return result

    async def open(self, url: str) -> None:
        """Go to a page."""
        await self.call("Page.navigate", url=url)

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited.

        Raises:
            BrowserError: the script threw.
        """
        result = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description", details["text"]))
        return result["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Look at an expression once per frame until it is true, and return its value."""
        looking = f"""new Promise((done) => {{
            const look = () => {{
                let value = null;
                try {{ value = ({expression}); }} catch {{ /* the page is still loading */ }}
                if (value) done(value); else requestAnimationFrame(look);
            }};
            look();
        }})"""
        try:
            async with asyncio.timeout(_ANSWER_S):
                while True:
                    try:
                        return await self.evaluate(looking)
                    except BrowserError as error:
                        # The page went away under us: look at the one that is there now.
                        if not any(words in str(error) for words in _NAVIGATED):
                            raise
        except TimeoutError:
            seen = await self.evaluate("document.body.innerText.slice(0, 600)")
            raise AssertionError(f"never true: {expression}; the page shows: {seen}") from None

    async def press(self, key: str) -> None:
        """Press a key and let go: one character, or the name of a key, such as ``Enter``."""
        codes = {"Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "Delete": 46, "Tab": 9}
        code = codes.get(key, 0)
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **more)

    async def type(self, words: str) -> None:
        """Type words where the keyboard is; a carriage return is Enter."""
        for character in words:
            await self.press("Enter" if character == "\r" else character)

    async def look(
        self, *, width: int = 1280, height: int = 800, dark: bool = False, reduced_motion: bool = False
    ) -> None:
        """Set the window's size and what its user prefers."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        await self.call(
            "Emulation.setEmulatedMedia",
            features=[
                {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                {"name": "prefers-reduced-motion", "value": "reduce" if reduced_motion else "no-preference"},
            ],
        )

    async def screenshot(self) -> bytes:
        """What the window shows, as PNG."""
        result = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(result["data"])


@contextmanager
def running_browser() -> Iterator[str]:
    """A browser with an empty profile, and the address of its DevTools; gone afterwards, profile and all."""
    flags = [*_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with (
        tempfile.TemporaryDirectory(prefix="tickgate-chromium-", ignore_cleanup_errors=True) as profile,
        subprocess.Popen(
            [program(), *flags, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        assert process.stderr is not None
        # Nobody reads what it says later, and a full pipe would stop it.
        draining = threading.Thread(target=process.stderr.read, daemon=True)
        try:
            address = _address(process.stderr)
            draining.start()
            yield address
        finally:
            process.terminate()
            process.wait()
            if draining.ident is not None:
                draining.join()


@asynccontextmanager
async def open_page(address: str) -> AsyncIterator[Page]:
    """A new blank tab of a running browser; closed afterwards."""
    async with aiohttp.ClientSession(address) as session:
        async with session.put("/json/new?about:blank") as response:
            tab = await response.json()
        async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            page = Page(socket)
            listening = asyncio.create_task(page.listen())
            try:
                for domain in ("Page", "Runtime", "Log"):
                    await page.call(f"{domain}.enable")
                yield page
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
        async with session.get(f"/json/close/{tab['id']}") as response:
            await response.read()


def _address(stderr: IO[bytes]) -> str:
    """The address that Chromium announces on its standard error."""
    said = b""
    while line := stderr.readline():
        said += line
        if line.startswith(b"DevTools listening on ws://"):
            return f"http://{line.split(b'/')[2].decode()}"
    raise BrowserError(f"Chromium ended before it listened: {said[-500:].decode(errors='replace')}")
