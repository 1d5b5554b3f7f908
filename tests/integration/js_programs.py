"""Programs in Node that use clients/js, and what they print."""

import asyncio
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
CLIENT: Final = ROOT / "clients" / "js"
WATCH: Final = Path(__file__).parent / "js" / "watch.mjs"
DEBIANS: Final = Path("/usr/share/nodejs")
"""Where Debian keeps what it has of npm."""

Line = dict[str, Any]


def node(*wants: str, at: Path = CLIENT) -> str:
    """The path of Node; skips the test if it or a module is missing, and fails it where CI is true.

    The modules are those of the package ``at`` a folder.
    """
    found = shutil.which("node")
    absent = [name for name in wants if not any((folder / name).is_dir() for folder in (at / "node_modules", DEBIANS))]
    if found is not None and not absent:
        return found
    missing = f"{', '.join(absent)} of npm: `make npm`" if found else "Node"
    reason = f"this machine lacks {missing} (Debian: apt-get install nodejs npm)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class Watching:
    """A program that runs, and each line that it has printed so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._changed = asyncio.Condition()
        self.lines: list[Line] = []

    async def read(self) -> None:
        """Until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._changed:
                self.lines.append(json.loads(line))
                self._changed.notify_all()

    def told(self, what: str, **fields: Any) -> list[Line]:
        """The lines about ``what`` with these fields."""
        return [line for line in self.lines if line["what"] == what and fields.items() <= line.items()]

    def states(self, symbol: str) -> list[str]:
        """The states of a symbol, one after the other."""
        return [line["state"] for line in self.told("state", symbol=symbol)]

    def longest_stale_s(self, symbol: str) -> float:
        """The longest time between a state other than live and the next live one, once it has been live."""
        changes = [(line["state"], line["at_ms"]) for line in self.told("state", symbol=symbol)]
        begun = [state for state, _ in changes].index("live")
        spans = [
            after_ms - before_ms
            for (before, before_ms), (after, after_ms) in itertools.pairwise(_spans(changes[begun:]))
            if before != "live" and after == "live"
        ]
        return max(spans, default=0) / 1000

    def seqs(self, symbol: str) -> list[int]:
        """The numbers of the symbol's ticks, snapshots too, in order of arrival."""
        lines = [line for line in self.lines if line.get("symbol") == symbol and "seq" in line]
        # That a price is too old is said of a tick that was had before.
        return [line["seq"] for line in lines if line["what"] != "too_old"]

    async def until(self, condition: Callable[["Watching"], bool], within_s: float = 20) -> None:
        """Wait for ``condition``, looked at after each line.

        Raises:
            AssertionError: it did not come true in time.
        """
        try:
            async with asyncio.timeout(within_s), self._changed:
                await self._changed.wait_for(lambda: condition(self))
        except TimeoutError:
            few = [line for line in self.lines if line["what"] not in {"tick", "snapshot"}]
            raise AssertionError(f"not in {within_s} s; it said: {few[-20:]}") from None

    async def end(self) -> Line:
        """Let it end, and return its summary."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self.until(lambda watching: bool(watching.told("end")))
        async with asyncio.timeout(20):
            assert 0 == await self._process.wait()
        return self.told("end")[0]


def _spans(changes: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Of changes in a row that are not to ``live``, the first one."""
    return [
        change for number, change in enumerate(changes) if number == 0 or "live" in {change[0], changes[number - 1][0]}
    ]


@asynccontextmanager
async def watching(url: str, *symbols: str, runtime: Sequence[str] = (), **asked: Any) -> AsyncIterator[Watching]:
    """A program that watches ``symbols``, in another ``runtime`` than Node; ``asked`` is what `js/watch.mjs` takes."""
    words = json.dumps({"url": str(url), "symbols": symbols, **asked})
    process = await asyncio.create_subprocess_exec(
        *(runtime or (node("ws"),)),
        str(WATCH),
        words,
        env={**os.environ, "NODE_PATH": str(DEBIANS)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**20,
    )
    watching = Watching(process)
    reading = asyncio.create_task(watching.read())
    try:
        yield watching
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await reading
