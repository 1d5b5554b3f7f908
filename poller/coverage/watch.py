"""Whether the stream of each symbol can be relied on, and who stands in where it cannot."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from poller.source import Take, Update, Verdict


class Watch(Protocol):
    """Knows what the streams brought of each symbol, and which of them cannot be relied on."""

    def received(self, update: Update, verdict: Verdict) -> None:
        """A stream brought ``update``."""

    def alive(self, symbol: str) -> None:
        """A stream brought a sign of life of ``symbol``."""

    def unreadable(self, symbol: str | None) -> None:
        """A stream brought what cannot be read; None where it is not known of whom."""

    def watch(self, symbols: Collection[str], quoted: Collection[str] = ()) -> None:
        """A stream begins to bring ``symbols``: they are judged anew. It has brought a quote of ``quoted`` already."""

    def lost(self, symbols: Collection[str]) -> None:
        """No stream brings ``symbols`` now: their silence proves nothing."""

    def forget(self, symbols: Collection[str]) -> None:
        """Nothing is expected of ``symbols``."""

    def verdicts(self) -> Mapping[str, str]:
        """The symbols whose stream cannot be relied on, or does not tell the whole story yet, and why."""

    def stand_in(self) -> Take:
        """Where an answer goes that stands in for streams."""

    async def run(self) -> None:
        """Do what there is to do now and then, until cancelled."""


class StandIn(Protocol):
    """Prices another way, for as long as `run` runs."""

    ok: bool
    """Whether they arrive."""
    reason: str
    """Why they do not; or, while they do, what is unusual."""

    async def run(self, begin: Callable[[], Take]) -> None:
        """Bring prices until cancelled. ``begin`` is called before each question: its updates go there."""


class NoStandIn:
    """There is no other way."""

    ok = False
    reason = ""

    async def run(self, begin: Callable[[], Take]) -> None:  # noqa: ARG002 - as `StandIn` has it
        """See `StandIn.run`."""
        await asyncio.Event().wait()
