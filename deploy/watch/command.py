"""``tickgate watch``: the arguments, and what puts link, board and screen together."""

import argparse
import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from msgspec import UNSET

from deploy.errors import DeployError
from deploy.watch.address import URL, default_url, is_websocket, meant
from deploy.watch.board import Board
from deploy.watch.link import Link, WatchError, subscribe_message
from deploy.watch.screen import Screen
from deploy.watch.text import line, table
from gateway.protocol.messages import Error, Welcome
from market.process.printable import complain, printable
from market.process.tasks import end
from market.process.usage import Parser

REDRAW_S: Final = 0.1
_SCREEN_HZ: Final = 10.0


def main(arguments: Sequence[str], program: str) -> int:
    """Show prices until Ctrl-C; the exit code is 0, 1 if the gateway will not serve us, or 2 for wrong arguments."""
    parser = _parser(program)
    options = parser.parse_args(arguments)
    try:
        url = default_url(os.environ) if options.url is None else options.url
    except DeployError as error:
        parser.error(str(error))
    if not is_websocket(url):
        parser.error(f"--url {url!r} is no WebSocket's; write {meant(url)}")
    try:
        token = None if options.token_file is None else token_in(options.token_file)
    except (OSError, ValueError) as error:
        parser.error(f"--token-file {options.token_file!r}: {error}")
    try:
        asyncio.run(_watch(options, url, token))
    except WatchError as error:
        complain(f"{program}: {error}")
        return 1
    except BrokenPipeError:
        # Whoever read our lines has ended. Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser(program: str) -> Parser:
    parser = Parser(
        program,
        "Show prices of a gateway, live in this terminal. Ctrl-C ends it.\n\n"
        "If standard output is no terminal, each change is a line: time, symbol, bid, ask, last,\n"
        "age in seconds, state, source and reason, with tabs between them.\n"
        "The age is the time since the poller received the price, by the gateway's clock.",
    )
    parser.add_argument("symbols", nargs="*", metavar="SYMBOL", help="as BTCUSDT or BTC; without any, all")
    parser.add_argument("--url", help=f"the gateway's WebSocket (default: {URL}, or where GATEWAY_PORT says)")
    parser.add_argument("--token-file", metavar="FILE", help="the token is in this file; - is standard input")
    parser.add_argument("--max-hz", type=float, metavar="HZ", help="changes of each symbol per second at most")
    return parser


def token_in(path: str) -> str:
    """The token in a file, or on standard input if that is ``-``.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds no token, or more.
    """
    text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="ascii")
    if len(words := text.split()) != 1:
        raise ValueError("it must hold one token, as `tickgate token` prints it")
    return words[0]


async def _watch(options: argparse.Namespace, url: str, token: str | None) -> None:
    on_screen = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    max_hz = options.max_hz or (_SCREEN_HZ if on_screen else None)
    link = Link(
        url,
        subscribe_message(options.symbols, max_hz),
        token,
        clock=time.monotonic,
        jitter=random.random,
    )
    show = _on_screen if on_screen else _as_lines
    showing = asyncio.create_task(show(link, url))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, showing.cancel)
    try:
        await showing
    except asyncio.CancelledError:
        return


async def _as_lines(link: Link, _url: str) -> None:
    board = Board()

    def on_change(changed: Sequence[str], note: str | None) -> None:
        if note:
            complain(note)
        for row in board.rows(changed):
            print(line(row, _now_us(), board.ahead_us), flush=True)

    await _follow(link, board, on_change)


async def _on_screen(link: Link, url: str) -> None:
    board, note = Board(), "connecting"

    def on_change(_changed: Sequence[str], told: str | None) -> None:
        nonlocal note
        note = note if told is None else told

    with Screen(_write) as screen:
        following = asyncio.create_task(_follow(link, board, on_change))
        try:
            while not following.done():
                rows = table(board.rows(board.symbols), _now_us() + board.ahead_us)
                screen.draw([f"{url}  {_feeds(board)}", printable(note), *rows])
                await asyncio.wait((following,), timeout=REDRAW_S)
        finally:
            await end(following)
    following.result()


async def _follow(link: Link, board: Board, on_change: Callable[[Sequence[str], str | None], None]) -> None:
    """Put all that the gateway says onto the board. What is said of the connection is None where nothing is new."""
    async for message in link.messages():
        match message:
            case str():
                on_change(board.lost("not connected"), message)
            case Welcome(server_us=server_us):
                # Prices of another machine have the age that they have there.
                board.connected(0 if server_us is UNSET else server_us - _now_us())
                on_change((), "")
            case Error(id="watch", message=text) if not board.symbols:
                raise WatchError(text)
            case Error(message=text):
                on_change((), text)
            case _:
                on_change(board.take(message), None)


def _feeds(board: Board) -> str:
    texts = []
    for venue, feed in board.feeds.items():
        told = f"{venue}: {feed.feed}" + (f", {feed.source}" if feed.source else "")
        texts.append(f"{told} ({feed.reason})" if feed.reason else told)
    return printable(" · ".join(texts))


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _now_us() -> int:
    return time.time_ns() // 1_000
