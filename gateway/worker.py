"""The gunicorn worker: ``gunicorn --worker-class gateway.worker.Worker gateway.app:app_factory``.

aiohttp's own, on uvloop, with four differences. The listen backlog is the configured one: aiohttp's
cuts it to 128, which a storm of reconnecting clients overflows. Being told to stop begins the gateway's
drain, while it still listens, so that a load balancer sees it leave. The arbiter can see when it serves. And a
setting that cannot be used stops the start with one line.
"""

import asyncio
import mmap
import os
import sys
from signal import SIGINT, SIGQUIT, SIGTERM
from typing import Any

from aiohttp.worker import GunicornUVLoopWebWorker
from gunicorn.arbiter import Arbiter

from gateway.app import drain
from gateway.errors import GatewayError
from gateway.serving import Serving
from market.errors import MarketError
from market.tasks import end

_NOTIFY_S = 1.0
"""Between signs of life to the arbiter; gunicorn's ``timeout`` is many times this."""


class Worker(GunicornUVLoopWebWorker):
    """Serves what the application factory returns, until told to stop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Made by the arbiter, before the new process begins."""
        # Memory that both share: how else would the arbiter hear of it?
        self._flag = mmap.mmap(-1, 1)
        self._boots = False
        super().__init__(*args, **kwargs)

    @property
    def serves(self) -> bool:
        """Whether it has come to listen; the arbiter can ask too."""
        return self._flag[0] == 1

    @property
    def booted(self) -> bool:
        """The same, in gunicorn's words."""
        return self.serves

    @booted.setter
    def booted(self, value: bool) -> None:
        # gunicorn says so before `run`, but that is where a gateway boots.
        self._flag[0] = int(value and self._boots)

    def init_signals(self) -> None:
        """Let every way of being told to stop begin the drain. (Called by gunicorn in the new process.)"""
        super().init_signals()
        self._stopping = asyncio.Event()
        # SIGINT comes with a Ctrl-C, SIGQUIT from an arbiter that had one: for clients all are the same.
        for signal_number in (SIGTERM, SIGINT, SIGQUIT):
            self.loop.add_signal_handler(signal_number, self._stopping.set)

    def run(self) -> None:
        """Serve to the end of the drain, then end the process."""
        self._boots = True
        try:
            super().run()
        except (GatewayError, MarketError) as error:
            self.log.error("%s", error)  # noqa: TRY400 # one line that names the setting, no traceback
            # The arbiter gives up at this one and would start us again at any other.
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        except SystemExit as exiting:
            if self.booted or not exiting.code:
                raise
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    async def _run(self) -> None:
        serving = Serving(await self.wsgi())
        await serving.start()
        notifying = asyncio.create_task(self._notify_arbiter())
        try:
            for listener in self.sockets:
                # The socket itself: gunicorn's wrapper complains when the loop has closed it already.
                await serving.listen(sock=listener.sock, backlog=self.cfg.backlog)
            self.booted = True
            await self._stopping.wait()
            await drain(serving.app)
        finally:
            await serving.close()
            await end(notifying)

    async def _notify_arbiter(self) -> None:
        # To the very end: an arbiter that hears nothing kills.
        while True:
            self.notify()
            if os.getppid() != self.ppid:
                # Nobody is left who could tell us to stop, or would start a successor.
                self._stopping.set()
            await asyncio.sleep(_NOTIFY_S)
