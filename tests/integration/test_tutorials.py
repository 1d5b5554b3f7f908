"""The tutorials of docs/tutorials, as a reader copies them, against a gateway as `make run` starts it."""

import asyncio
import os
import re
import shutil
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import orjson
import pytest

from deploy.process.processes import Process
from tests.client import connected
from tests.foreign.binance.clients import CLIENTS, SETUP, VENV
from tests.integration.js_programs import DEBIANS, node
from tests.integration.stacks import run_plan, running, ws_url

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = ROOT / "docs" / "tutorials"
ADDRESS = "127.0.0.1:8080"
BOUND_S = 60.0
CCXT = next(client for client in CLIENTS if client.name == "ccxt" and client.language == "Python")
STALE = "all stale: nothing was heard"
WEBSOCKET = 'globalThis.WebSocket ??= require("ws");\n'
"""Node before 22 has none."""


def blocks(language: str, page: Path) -> list[str]:
    """The blocks of code in that language."""
    text = page.read_text(encoding="utf-8")
    return [str(block) for block in re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)]


class Program:
    """A program that a reader starts, and the lines that it prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def until(self, pattern: str) -> list[str]:
        """What it prints up to a line that has ``pattern``, in good time."""
        assert self._process.stdout is not None
        lines: list[str] = []
        async with asyncio.timeout(BOUND_S):
            while not lines or not re.search(pattern, lines[-1]):
                line = (await self._process.stdout.readline()).decode()
                assert line, lines
                lines.append(line.strip())
        return lines

    async def end(self) -> None:
        """End it, and all that it has started."""
        if self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


async def started(*words: str, **env: str) -> Program:
    """Start a program of one's own session."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    pipe = asyncio.subprocess.PIPE
    return Program(
        await asyncio.create_subprocess_exec(*words, stdout=pipe, env=inherited | env, start_new_session=True)
    )


async def first_lines(pattern: str, *words: str, **env: str) -> list[str]:
    """What a program that goes on for ever prints up to ``pattern``."""
    program = await started(*words, **env)
    try:
        return await program.until(pattern)
    finally:
        await program.end()


async def output(*words: str, at: Path = ROOT, **env: str) -> str:
    """What a program prints until it ends, which it must do well; it is started in the folder ``at``."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    pipe = asyncio.subprocess.PIPE
    program = await asyncio.create_subprocess_exec(*words, stdout=pipe, stderr=pipe, env=inherited | env, cwd=at)
    async with asyncio.timeout(BOUND_S):
        said, errors = await program.communicate()
    assert 0 == program.returncode, errors.decode()
    return said.decode()


async def current(url: str) -> None:
    """Wait until there are prices, and they are live."""
    async with connected(url) as client:
        await client.subscribe("BTC", "ETH")
        await client.until(lambda client: client.status.get("feed") == "live" and len(client.prices) == 2)


def keys(answer: str) -> set[str]:
    """The names of all fields of a JSON document."""
    orjson.loads(answer)
    return set(re.findall(r'"(\w+)":', answer))


async def curl(address: str, folder: Path) -> None:
    """Each command of the tutorial does what stands beside it."""
    page = TUTORIALS / "curl.md"
    commands = [block.replace(ADDRESS, address) for block in blocks("sh", page)]
    symbols, ticks, number, unknown, changed, stream, watcher = (("sh", "-c", command) for command in commands)
    told = blocks("json", page)
    assert keys(told[0]) <= keys(await output(*symbols))
    assert {"bid", "state"} <= keys(await output(*ticks))
    assert re.fullmatch(r'"bid":"[0-9]+\.[0-9]{2}"\n', await output(*number))
    assert orjson.loads(told[1]) == orjson.loads(await output(*unknown))
    # Between its two requests a price may have changed.
    assert re.fullmatch("(304|200)\n", await output(*changed, at=folder))
    lines = await first_lines('"type":"tick"', *stream)
    assert {"welcome", "status", "subscribed", "snapshot", "tick"} <= {*re.findall(r'"type":"(\w+)"', "".join(lines))}
    assert '"feed":"live"' in await first_lines('"bid":"', *watcher)


async def bot(address: str) -> None:
    """The bot with ccxt prints the exchange's own strings."""
    (program,) = blocks("python", TUTORIALS / "ccxt.md")
    words = (str(VENV / "bin" / "python"), "-u", "-c", program.replace(ADDRESS, address))
    lines = await first_lines("ETH/USDT", *words)
    # On a busy machine it may be told that nothing came for a while.
    prices = [line for line in lines if not line.startswith("no current prices: ")]
    assert [line for line in prices if not re.fullmatch(r"(BTC|ETH)/USDT( [0-9]+\.[0-9]{8}){2}", line)] == []


async def notebook(address: str) -> None:
    """The cells, one after the other, print candles whose prices have all their digits."""
    cells = "\n".join(blocks("python", TUTORIALS / "notebook.md")).replace(ADDRESS, address)
    shorter = cells.replace("SECONDS = 60", "SECONDS = 2").replace('every="5s"', 'every="1s"')
    assert cells != shorter
    said = await output(sys.executable, "-c", shorter, PYTHONPATH=str(ROOT / "clients" / "python"))
    assert re.search(r"^[1-9]\d* ticks, 0 gaps$", said, re.MULTILINE)
    candle = r"^BTCUSDT [\d:]+ open \d+\.\d{3} high \d+\.\d{3} low \d+\.\d{3} close \d+\.\d{3} \(\d+ ticks\)$"
    assert len(re.findall(candle, said, re.MULTILINE)) >= 2


async def watchdog(address: str, gateway: Process) -> None:
    """The script of docs/reconnecting.md says that prices are stale while the gateway is frozen."""
    (script,) = blocks("js", ROOT / "docs" / "reconnecting.md")
    program = await started(node("ws"), "--eval", WEBSOCKET + script.replace(ADDRESS, address), NODE_PATH=str(DEBIANS))
    try:
        await program.until("^BTCUSDT [0-9]+$")
        gateway.send(signal.SIGSTOP)
        try:
            await program.until(f"^{STALE}$")
        finally:
            gateway.send(signal.SIGCONT)
        # Prices again, or where this machine was slow to wake the gateway up, the other thing that it says.
        await program.until("^(BTCUSDT [0-9]+|connect again)$")
    finally:
        await program.end()


async def test_the_tutorials_do_what_they_say(tmp_path: Path) -> None:
    """Each command and program runs as it stands there, with the address alone replaced, and less time.

    So does the watchdog of docs/reconnecting.md, while its gateway is frozen.
    """
    lacking = []
    if CCXT.missing():
        lacking.append(f"ccxt: {SETUP}")
    if find_spec("polars") is None:
        lacking.append("Polars, the extra `notebook`")
    if shutil.which("curl") is None:
        lacking.append("curl")
    async with running(run_plan()) as stack:
        address = str(stack.plan.front)
        await current(ws_url(stack))
        parts = {"ccxt": bot(address), "Polars": notebook(address), "curl": curl(address, tmp_path)}
        await asyncio.gather(
            *(part for name, part in parts.items() if not any(its.startswith(name) for its in lacking))
        )
        for name, part in parts.items():
            if any(its.startswith(name) for its in lacking):
                part.close()
        await watchdog(address, stack["gateway"])
    if lacking:
        reason = f"the others ran, but some want what is not here: {'; '.join(lacking)}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


def test_the_page_in_react_is_the_example() -> None:
    """Its code is that of examples/react, which runs in a browser (test_js_pages.py), line by line."""
    page = TUTORIALS / "react.md"
    react = ROOT / "examples" / "react"
    files = {"js": "src/useTick.js", "jsx": "src/main.jsx", "html": "public/index.html"}
    for language, name in files.items():
        assert "".join(blocks(language, page)).split() == (react / name).read_text(encoding="utf-8").split(), name
