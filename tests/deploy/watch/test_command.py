"""``tickgate watch`` as a person runs it, in a terminal and without one."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import ssl
import struct
import sys
import termios
import time
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import trustme
from websockets.asyncio.server import ServerConnection

from deploy.watch.command import main
from tests.deploy.watch.gateways import RECV_US, Gateway, greet, say, tick
from tests.integration.stacks import environment

COMMAND = (sys.executable, "-m", "deploy", "watch")


class Terminal:
    """A pseudo-terminal of 60 columns and 10 lines, and what is written to it."""

    def __init__(self) -> None:
        self._ours, self.its = pty.openpty()
        fcntl.ioctl(self.its, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 60, 0, 0))
        os.set_blocking(self._ours, False)
        self.text = ""

    async def until(self, condition: Callable[[str], bool]) -> None:
        """Read until it is so of all the text."""
        async with asyncio.timeout(20):
            while not condition(self.text):
                try:
                    self.text += os.read(self._ours, 65_536).decode()
                except BlockingIOError:
                    await asyncio.sleep(0.01)

    def close(self) -> None:
        os.close(self._ours)
        os.close(self.its)


async def two_prices(socket: ServerConnection) -> None:
    """Greet, send two prices, and stay."""
    await greet(socket, "BTCUSDT")
    await say(socket, tick("BTCUSDT", 6_500_105), tick("BTCUSDT", 6_500_110))
    await socket.wait_closed()


async def one_price(socket: ServerConnection) -> None:
    """Greet, send one price, and go."""
    await greet(socket, "BTCUSDT")
    await say(socket, tick("BTCUSDT", 6_500_100))
    await socket.close(1012, "this gateway is going away")


async def watch(
    url: str, *arguments: str, out: int = asyncio.subprocess.PIPE, **env: str
) -> asyncio.subprocess.Process:
    """Start the program."""
    return await asyncio.create_subprocess_exec(
        *(*COMMAND, *arguments, "--url", url),
        env=environment(**env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=out,
        stderr=PIPE,
    )


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """Exit code, and standard error."""
    try:
        async with asyncio.timeout(20):
            assert process.stderr is not None
            err = await process.stderr.read()
            return await process.wait(), err.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_terminal_shows_a_table_that_is_always_drawn_anew() -> None:
    """With the newest price, where it comes from, and its state; Ctrl-C leaves the last table and ends with 0."""
    terminal = Terminal()
    try:
        async with Gateway(two_prices).serving() as gateway:
            process = await watch(gateway.url, "BTC", out=terminal.its, TERM="xterm")
            await terminal.until(lambda text: text.count("65001.10") > 1)
            process.send_signal(signal.SIGINT)
            assert await ended(process) == (0, "")
            await terminal.until(lambda text: text.endswith("live\r\n"))
    finally:
        terminal.close()
    screen, left = terminal.text.split("\x1b[?1049l")
    assert "binance: live, simulated" in screen
    assert re.search(r"^BTCUSDT +65001\.10 +- +- +\d+ \w+  live\r\n$", left, re.MULTILINE), left
    lines = re.split(r"\r\n|\x1b\[H", screen)
    assert max(len(re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", line)) for line in lines) <= 60


async def test_without_a_terminal_each_change_is_a_line() -> None:
    """Lost connections too: the price is there still, and stale; then it is live again."""
    async with Gateway(one_price, two_prices).serving() as gateway:
        process = await watch(gateway.url, "BTC")
        assert process.stdout is not None
        lines: list[list[str]] = []
        async with asyncio.timeout(20):
            while len(lines) < 3 or lines[-1][6] != "live":
                lines.append((await process.stdout.readline()).decode().split("\t"))
        process.send_signal(signal.SIGTERM)
        code, complaint = await ended(process)
    assert [(line[1], line[2], line[6]) for line in lines if line[6]][:2] == [
        ("BTCUSDT", "65001.00", "live"),
        ("BTCUSDT", "65001.00", "stale"),
    ]
    assert lines[-1][2] in {"65001.00", "65001.05"}
    assert code == 0
    assert complaint.startswith("this gateway is going away; trying again ")


async def test_ages_are_those_of_the_gateways_clock() -> None:
    """It is told with the welcome; a gateway of before 0.3.0 does not tell it, and ours counts."""
    ages = []
    for ahead_us in (None, RECV_US + 7_000_000):
        told = {} if ahead_us is None else {"server_us": ahead_us}

        async def one_symbol(socket: ServerConnection, told: dict[str, int] = told) -> None:
            await greet(socket, "BTCUSDT", **told)
            await say(socket, tick("BTCUSDT", 6_500_100))
            await socket.wait_closed()

        async with Gateway(one_symbol).serving() as gateway:
            process = await watch(gateway.url, "BTC")
            assert process.stdout is not None
            async with asyncio.timeout(20):
                ages.append(float((await process.stdout.readline()).decode().split("\t")[5]))
            process.send_signal(signal.SIGTERM)
            await ended(process)
    now_s = time.time() - RECV_US / 1e6
    assert now_s - 60 < ages[0] <= now_s
    assert 7 <= ages[1] < 60


async def test_a_reader_that_ends_ends_it_quietly() -> None:
    """As `tickgate watch | head -1` does."""

    async def many(socket: ServerConnection) -> None:
        await greet(socket, "BTCUSDT")
        while True:
            await say(socket, tick("BTCUSDT", 1))
            await asyncio.sleep(0.01)

    async with Gateway(many).serving() as gateway:
        read_end, write_end = os.pipe()
        process = await watch(gateway.url, out=write_end)
        os.close(write_end)
        await asyncio.to_thread(os.read, read_end, 10)
        os.close(read_end)
        assert await ended(process) == (0, "")


async def test_symbols_that_nobody_knows_end_it_with_those_that_there_are() -> None:
    """If there is one that is known, it goes on."""
    hint = '; {"type":"symbols"} lists what there is'
    error = {"type": "error", "code": "unknown_symbol", "message": f"unknown symbol: 'DOGE'{hint}", "id": "watch"}
    told = "unknown symbol: 'DOGE'; the gateway serves 1: BTCUSDT\n"

    async def complain(socket: ServerConnection) -> None:
        await say(socket, error)
        asked = orjson.loads(await socket.recv())
        assert asked["type"] == "symbols"
        served = {"symbol": "BTCUSDT", "venue": "binance", "state": "live"}
        await say(socket, {"type": "symbols", "symbols": [served], "id": asked["id"]})

    async def none_known(socket: ServerConnection) -> None:
        await greet(socket)
        await complain(socket)
        await socket.wait_closed()

    async with Gateway(none_known).serving() as gateway:
        process = await watch(gateway.url, "DOGE")
        assert await ended(process) == (1, f"python -m deploy watch: {told}")

    async def one_known(socket: ServerConnection) -> None:
        await greet(socket, "BTCUSDT")
        await complain(socket)
        await say(socket, tick("BTCUSDT", 1))
        await socket.wait_closed()

    async with Gateway(one_known).serving() as gateway:
        process = await watch(gateway.url, "DOGE", "BTC")
        assert process.stdout is not None
        async with asyncio.timeout(20):
            assert b"BTCUSDT" in await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert await ended(process) == (0, told)


async def test_a_gateway_that_cannot_list_its_symbols_is_heard_nevertheless() -> None:
    """One of an earlier version: its own words are all there is."""
    told = {"type": "error", "code": "unknown_symbol", "message": "unknown symbol: DOGE", "id": "watch"}

    async def old(socket: ServerConnection) -> None:
        await greet(socket)
        await say(socket, told)
        await socket.recv()
        await say(socket, {"type": "error", "code": "unknown_command", "message": "no such command"})
        await socket.wait_closed()

    async with Gateway(old).serving() as gateway:
        assert await ended(await watch(gateway.url, "DOGE")) == (1, "python -m deploy watch: unknown symbol: DOGE\n")


async def test_the_certificate_of_a_private_authority_is_believed_where_its_file_is_named(tmp_path: Path) -> None:
    """Without the variable that names it, the complaint does."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with Gateway(two_prices).serving(context) as gateway:
        code, complaint = await ended(await watch(gateway.url))
        assert code == 1
        assert "cannot be verified" in complaint
        assert "SSL_CERT_FILE" in complaint
        process = await watch(gateway.url, SSL_CERT_FILE=str(tmp_path / "ca.pem"))
        assert process.stdout is not None
        async with asyncio.timeout(20):
            assert b"65001.05" in await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert await ended(process) == (0, "")


async def test_a_token_is_read_from_a_file(tmp_path: Path) -> None:
    """Not from the command line, which others can see."""
    (tmp_path / "token").write_text("a.b.c\n")
    async with Gateway(two_prices).serving() as gateway:
        process = await watch(gateway.url, "--token-file", str(tmp_path / "token"))
        assert process.stdout is not None
        async with asyncio.timeout(20):
            await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert await ended(process) == (0, "")
    assert gateway.requests[0].headers["Authorization"] == "Bearer a.b.c"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--url", "http://127.0.0.1:8080/ws"], "--url 'http://127.0.0.1:8080/ws' is no WebSocket's; write ws://"),
        (["--url", "http://127.0.0.1:21010"], "is no WebSocket's; write ws://127.0.0.1:21010/ws;"),
        (["--url", "127.0.0.1:8080"], "is no WebSocket's"),
        (["--url", "ws://[::1/ws"], "is no WebSocket's"),
        (["--token-file", "/no/such/file"], "No such file"),
        (["--token-file", os.devnull], "it must hold one token"),
        (["--max-hz", "often"], "--max-hz"),
    ],
)
def test_what_cannot_work_is_refused(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """In one line, before anything is connected."""
    with pytest.raises(SystemExit) as refused:
        main(arguments, "tickgate watch")
    complaint = capsys.readouterr().err
    assert refused.value.code == 2
    assert problem in complaint
    assert complaint.count("\n") == 1
