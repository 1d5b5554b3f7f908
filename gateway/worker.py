"""The gunicorn worker: ``gunicorn -c deploy/gunicorn.conf.py gateway.app:app_factory``.

It is aiohttp's own worker on uvloop, with four differences:

- The listen backlog is the configured one. aiohttp's cuts it to 128, which a storm of reconnecting clients overflows.
- A worker that has to stop drains while it still listens, so that a load balancer sees it leave.
- If a successor shares the socket, as when gunicorn reloads, the old worker serves new clients until the new one has
  prices, and the new one serves them from then on. The arbiter can see when that is.
- A setting that cannot be used stops the start with one line.
"""

import asyncio
import math
import mmap
import os
import sys
from signal import SIG_BLOCK, SIG_UNBLOCK, SIGINT, SIGQUIT, SIGTERM, pthread_sigmask
from typing import Any

from aiohttp.worker import GunicornUVLoopWebWorker
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from gateway.app import drain
from gateway.errors import GatewayError
from gateway.fanout.feed.venue_feed import HEARTBEAT_TIMEOUT_S
from gateway.hosting import require_address, require_one
from gateway.http.listening.succession import Role, Succession
from gateway.http.routes import GATEWAY
from gateway.http.server import Serving
from gateway.log_events import START_REFUSED, SUCCEEDED
from gateway.settings import Settings
from market.errors import MarketError
from market.process.tasks import end

_STOPS = (SIGTERM, SIGINT, SIGQUIT)

_NOTIFY_S = 1.0
"""Between signs of life to the arbiter; gunicorn's ``timeout`` is many times this."""

_PATIENCE_S = 10.0
"""A worker whose arbiter stops waits so long for another arbiter's worker to have prices. gunicorn's
``graceful_timeout`` leaves 15 s beside the drain."""

_LOOK_S = 0.05
"""How often a worker checks whether the other is ready or gone, while they share the socket."""


class Worker(GunicornUVLoopWebWorker):
    """Serves the application of the factory until a signal stops it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Called by the arbiter, before the new process begins."""
        # Memory that both processes share: the arbiter reads it.
        self._flag = mmap.mmap(-1, 1)
        self._boots = False
        super().__init__(*args, **kwargs)
        try:
            require_one(self.cfg.workers)
        except GatewayError as error:
            raise HaltServer(str(error), Arbiter.WORKER_BOOT_ERROR) from None

    @property
    def serves(self) -> bool:
        """Whether it has begun to listen; the arbiter can ask too."""
        return self._flag[0] == 1

    @property
    def booted(self) -> bool:
        """The same, under gunicorn's name."""
        return self.serves

    @booted.setter
    def booted(self, value: bool) -> None:
        # gunicorn sets this before `run`, but a gateway boots in `run`.
        self._flag[0] = int(value and self._boots)

    def init_signals(self) -> None:
        """Let every signal to stop begin the drain. (Called by gunicorn in the new process.)"""
        # uvloop would lose what comes before it runs.
        pthread_sigmask(SIG_BLOCK, _STOPS)
        super().init_signals()
        self._stopping = asyncio.Event()
        self._patience_s = math.inf
        # SIGTERM comes if there is one worker too many, SIGINT with a Ctrl-C, SIGQUIT from an arbiter that stops.
        self.loop.add_signal_handler(SIGTERM, self._stopping.set)
        for signal_number in (SIGINT, SIGQUIT):
            self.loop.add_signal_handler(signal_number, self._stop_with_all)

    def _stop_with_all(self) -> None:
        # The same for clients; but the arbiter waits for us only so long.
        self._patience_s = _PATIENCE_S
        self._stopping.set()

    def run(self) -> None:
        """Serve to the end of the drain, then end the process."""
        self._boots = True
        try:
            settings = Settings.from_environ(os.environ)
            addresses = [listener.sock.getsockname() for listener in self.sockets]
            require_address(self.cfg, addresses, host=settings.host, port=settings.port)
            super().run()
        except (GatewayError, MarketError) as error:
            self.log.error(START_REFUSED, error)  # noqa: TRY400 # one line that names the setting, no traceback
            # The arbiter gives up at this code. It would start us again at any other.
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        except SystemExit as exiting:
            if self.booted or not exiting.code:
                raise
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    async def _run(self) -> None:
        pthread_sigmask(SIG_UNBLOCK, _STOPS)
        serving = Serving(await self.wsgi())
        await serving.start()
        notifying = asyncio.create_task(self._notify_arbiter())
        # The sockets themselves: gunicorn's wrapper logs an error if the loop has closed one already.
        sockets = [listener.sock for listener in self.sockets]
        succession = Succession(sockets)
        current = asyncio.create_task(self._become_current(serving, succession))
        try:
            # The process that serves already goes on until we have prices.
            while succession.others(Role.ACCEPTS) and not (current.done() or self._stopping.is_set()):  # noqa: ASYNC110 - another process sets no event
                await asyncio.sleep(_LOOK_S)
            if self._stopping.is_set():
                return
            for sock in sockets:
                await serving.listen(sock=sock, backlog=self.cfg.backlog)
            succession.claim(Role.ACCEPTS)
            self.booted = True
            await asyncio.wait((current,))
            current.result()
            if not self._stopping.is_set():
                succession.claim(Role.STAYS)
                succession.drop(Role.COMES)
            await self._stopping.wait()
            await self._leave(serving, succession)
        finally:
            await end(current)
            await serving.close()
            await end(notifying)

    async def _become_current(self, serving: Serving, succession: Succession) -> None:
        """Wait until a new client would get live prices, or the reason why not; or until a signal stops the worker."""
        succession.claim(Role.COMES)
        feed = serving.app[GATEWAY].feed
        silent_at = None
        while not self._stopping.is_set():
            if feed.ready and silent_at is None:
                silent_at = self.loop.time() + HEARTBEAT_TIMEOUT_S
            if silent_at is not None and (feed.live or self.loop.time() > silent_at):
                return
            await asyncio.sleep(_LOOK_S)

    async def _leave(self, serving: Serving, succession: Succession) -> None:
        """Drain. New clients go to a successor as soon as there is one; they are served here while one is coming."""
        succession.drop(Role.STAYS, Role.COMES)
        began_at = self.loop.time()

        def expects_successor() -> bool:
            return succession.others(Role.COMES) and self.loop.time() - began_at < self._patience_s

        while expects_successor() and not succession.others(Role.STAYS):  # noqa: ASYNC110 - as above
            await asyncio.sleep(_LOOK_S)
        gateway = serving.app[GATEWAY]
        draining: asyncio.Task[None] | None = None
        try:
            while draining is None or not draining.done():
                if not gateway.succeeded and succession.others(Role.STAYS):
                    self.log.info(SUCCEEDED)
                    serving.leave_to_successor()
                gateway.expects_successor = expects_successor()
                if gateway.full:
                    # A successor that comes now need not wait for its prices.
                    succession.drop(Role.ACCEPTS)
                draining = draining or asyncio.create_task(drain(serving.app))
                await asyncio.wait((draining,), timeout=_LOOK_S)
            draining.result()
        finally:
            if draining is not None:
                await end(draining)

    async def _notify_arbiter(self) -> None:
        # To the very end: an arbiter that receives nothing kills the worker.
        while True:
            self.notify()
            if os.getppid() != self.ppid:
                # The arbiter is gone: nobody else could tell us to stop, or start a successor.
                self._stopping.set()
            await asyncio.sleep(_NOTIFY_S)
