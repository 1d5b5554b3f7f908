"""Carries out what the core wants, in an event loop: connections, timers, tokens."""

import asyncio
import contextlib
import inspect
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, cast

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tickgate_client.actions import Answer, Dial, Leave, RenewToken, Send
from tickgate_client.connection.credentials import Kind
from tickgate_client.connection.liveness import Limits
from tickgate_client.core import Core
from tickgate_client.protocol.subscriptions import Options, RequestKind
from tickgate_client.transport.dial import Refused, dial, hang_up, numbered

Token = str | Callable[[], str] | Callable[[], Awaitable[str]] | None
"""A token, or a function that gets one."""

DIAL_S: Final = 10.0
"""For one attempt to connect."""
_CLOSE_S: Final = 3.0


class Driver:
    """One core, and the tasks that work for it. All of it runs in one event loop."""

    def __init__(
        self, url: str, token: Token, *, queue_size: int, limits: Limits | None, websocket_options: dict[str, Any]
    ) -> None:
        """See `tickgate_client.stream.Stream`."""
        self._url = url
        self._token = token
        self._websocket_options = websocket_options
        kind: Kind = "none" if token is None else "fixed" if isinstance(token, str) else "renewable"
        self.core = Core(jitter=random.random, limits=limits, credentials=kind, queue_size=queue_size)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._first: asyncio.Future[None]
        self._socket: ClientConnection | None = None
        self._link: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> "asyncio.Future[None]":
        """Begin to connect; give what is done when there is a connection, or there will be none."""
        self._loop = asyncio.get_running_loop()
        self._first = self._loop.create_future()
        self.core.start(self.now)
        self._turn()
        return self._first

    @property
    def now(self) -> float:
        """The time of the core."""
        return 0.0 if self._loop is None else self._loop.time()

    async def ask(self, kind: RequestKind, names: tuple[str, ...], options: Options) -> Any:
        """Ask the gateway, and wait for the answer, over as many connections as it takes."""
        if self._loop is None:
            raise RuntimeError("the stream is not entered yet: use `async with`")
        if self.core.ended is not None:
            raise self.core.ended
        number = self.core.request(kind, names, options)
        answer = self._answers[number] = self._loop.create_future()
        self._turn()
        try:
            return await answer
        finally:
            self._answers.pop(number, None)

    async def close(self) -> None:
        """End the connection, and all tasks."""
        self.core.close()
        if self._loop is None:
            return
        self._turn()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_S)

    def _turn(self) -> None:
        """Let the core do what is due, and carry out what it wants."""
        assert self._loop is not None
        core = self.core
        core.timer(self.now)
        while core.has_actions:
            for action in core.take_actions():
                match action:
                    case Send(text):
                        self._spawn(_send(self._socket, text))
                    case Answer(number, result):
                        self._answer(number, result)
                    case Dial(attempt):
                        self._link = self._spawn(self._connect(attempt))
                    case Leave():
                        self._leave()
                    case RenewToken():
                        self._spawn(self._renew())
        if not self._first.done():
            if core.connected:
                self._first.set_result(None)
            elif core.ended is not None:
                self._first.set_exception(core.ended)
        if self._timer is not None:
            self._timer.cancel()
        deadline = core.deadline()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._turn)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._loop is not None
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _answer(self, number: int, result: Any) -> None:
        answer = self._answers.get(number)
        if answer is None or answer.done():
            return
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)

    def _leave(self) -> None:
        if self._link is not None:
            self._link.cancel()
            self._link = None
        if self._socket is not None:
            self._spawn(hang_up(self._socket))
            self._socket = None

    async def _renew(self) -> None:
        try:
            token = await self._get_token()
        except Exception as error:  # of the caller's function, which may raise anything
            self.core.token_failed(_failed(error), self.now)
        else:
            self.core.token_renewed(token or "")
        self._turn()

    async def _get_token(self) -> str | None:
        token = self._token
        if token is None or isinstance(token, str):
            return token
        if inspect.iscoroutinefunction(token):
            got: Any = await token()
        else:
            # A function that waits for a server must not stop the event loop.
            got = await asyncio.to_thread(token)
        return cast("str", await got if inspect.isawaitable(got) else got)

    async def _connect(self, attempt: int) -> None:
        """One connection, from its token to its end."""
        core = self.core
        try:
            token = await self._get_token()
        except Exception as error:  # of the caller's function, which may raise anything
            core.refused(_failed(error), self.now)
            self._turn()
            return
        socket = await dial(numbered(self._url, attempt), token, self._websocket_options, DIAL_S)
        if isinstance(socket, Refused):
            core.refused(socket.reason, self.now, code=socket.code, final=socket.final, after_s=socket.after_s)
            self._turn()
            return
        self._socket = socket
        core.opened(self.now)
        self._turn()
        code, reason = await self._read(socket)
        self._socket = None
        core.closed(code, reason, self.now)
        self._turn()

    async def _read(self, socket: ClientConnection) -> tuple[int | None, str]:
        """Pass messages on until the end: its code, and why."""
        assert self._loop is not None
        core, now = self.core, self._loop.time
        try:
            while True:
                core.received(await socket.recv(), now())
                if core.has_actions:
                    self._turn()
        except ConnectionClosed as end:
            if end.rcvd is None:
                return None, "the connection was lost"
            return end.rcvd.code, end.rcvd.reason or "the gateway has closed the connection"


async def _send(socket: ClientConnection | None, text: str) -> None:
    if socket is not None:
        # If it has ended, its reader says so.
        with contextlib.suppress(ConnectionClosed, OSError):
            await socket.send(text)


def _failed(error: Exception) -> str:
    return f"the function for a token failed: {error!r}"
