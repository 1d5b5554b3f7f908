"""Interfaces: whether the stream of each symbol is reliable, and the stand-in if not."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from poller.source import Take, Update, Verdict


class Watch(Protocol):
    """Records what the streams brought of each symbol, and finds the unreliable ones."""

    @property
    def is_asking(self) -> bool:
        """Whether REST is asked for prices that new streams missed, and has neither answered nor failed yet."""

    def received(self, update: Update, verdict: Verdict) -> None:
        """A stream brought ``update``."""

    def alive(self, symbol: str) -> None:
        """A stream brought a sign of life of ``symbol``."""

    def unreadable(self, symbol: str | None) -> None:
        """A stream sent something unreadable about ``symbol``; None if even the symbol is unreadable."""

    def watch(self, symbols: Collection[str], quoted: Collection[str] = ()) -> None:
        """A stream of ``symbols`` begins, with a quote of ``quoted`` already: earlier evidence is dropped."""

    def lost(self, symbols: Collection[str], at: float | None = None) -> None:
        """No stream of ``symbols`` is live, since ``at`` if that is known: their silence proves nothing."""

    def unpriced(self, symbols: Collection[str]) -> bool:
        """Whether no quote of any of ``symbols`` has come since their stream began, nor by REST; False of none."""

    def forget(self, symbols: Collection[str]) -> None:
        """Expect nothing of ``symbols``."""

    def verdicts(self) -> Mapping[str, str]:
        """The symbols whose stream is unreliable or may be incomplete, and why."""

    def stand_in(self) -> Take:
        """Return where a stand-in's answer goes."""

    async def run(self) -> None:
        """Do the periodic work, until cancelled."""


class StandIn(Protocol):
    """Delivers prices in another way while `run` runs."""

    ok: bool
    """Whether prices arrive."""
    reason: str
    """Why no prices arrive; or, while they do, what is unusual."""

    async def run(self, begin: Callable[[], Take]) -> None:
        """Deliver prices until cancelled. ``begin`` is called before each request: its updates go there."""


class NoStandIn:
    """The `StandIn` of an exchange without one."""

    ok = False
    reason = ""

    async def run(self, begin: Callable[[], Take]) -> None:  # noqa: ARG002 - as `StandIn` has it
        """See `StandIn.run`."""
        await asyncio.Event().wait()
