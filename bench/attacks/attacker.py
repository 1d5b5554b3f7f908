"""The attacking process: ``python -m bench.attacks.attacker HOST PORT``. It takes one JSON command per line.

``start`` begins an attack and answers at once; ``stop`` ends it and answers with the result. It has a higher niceness
than the processes beside it, so it attacks with the rest of the core.
"""

import asyncio
import json
import os
import resource
import sys
from typing import Any

import uvloop

from bench.attacks import ALL
from bench.attacks.stranger import Target
from bench.host.machine import session_nice

_NICE = 10


class Attacker:
    """Executes the commands of one bench."""

    def __init__(self, host: str, port: int) -> None:
        self._target = Target(host, port)
        self._running: asyncio.Task[None] | None = None

    async def obey(self) -> None:
        """Run until the commands end."""
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            call = json.loads(line)
            answer = self._start(**call) if call.pop("do") == "start" else await self._stop()
            print(json.dumps(answer), flush=True)

    def _start(self, attack: str, good_token: str, forged_token: str) -> dict[str, Any]:
        self._target.good_token, self._target.forged_token = good_token, forged_token
        self._running = asyncio.create_task(_forever(attack, self._target))
        return {}

    async def _stop(self) -> dict[str, Any]:
        """End the attack; ``failure`` is empty unless the attack itself failed."""
        assert self._running is not None
        failure = ""
        if self._running.done():
            failure = repr(self._running.exception() or "it ended by itself")
        self._running.cancel()
        await asyncio.wait([self._running])
        return {"fate": dict(self._target.fate), "failure": failure}


async def _forever(attack: str, target: Target) -> None:
    await ALL[attack].begin(target)


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # The bench may have been started with a real-time policy (chrt).
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    session_nice(os.nice(_NICE))
    uvloop.run(Attacker(sys.argv[1], int(sys.argv[2])).obey())
