"""Closes clients of streams whose prices are stale: Binance's protocol has no word for it, and silence says nothing.

A look each second, while there are clients. It costs nothing per tick, and little while nothing is stale.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from itertools import islice
from typing import Final, Protocol

LOOK_S: Final = 1.0

STALE_S: Final = 10.0
"""So long a client's prices may be stale. It may connect again at once, and then has as long."""

_AT_ONCE: Final = 200
"""Closed in one turn of the event loop."""

logger = logging.getLogger(__name__)


class Holder(Protocol):
    """A client of streams."""

    @property
    def symbols(self) -> Collection[str]:
        """The symbols of its streams, and an empty name if it holds one of all symbols."""

    @property
    def since(self) -> float:
        """When it came, in the event loop's time."""

    @property
    def is_closing(self) -> bool:
        """Whether it is being closed already."""

    def close_as_stale(self, symbol: str) -> None:
        """Close it, as the price of ``symbol`` is stale; of all if that is empty."""


class Staleness:
    """Watches the clients of one gateway."""

    def __init__(
        self,
        clients: Iterable[Holder],
        stale: Callable[[], Collection[str]],
        closes: Callable[[], bool],
    ) -> None:
        """``stale`` gives the symbols whose prices are stale now, and an empty name if all are.

        ``closes`` says whether clients are to be closed.
        """
        self._clients = clients
        self._stale = stale
        self._closes = closes
        self._loop = asyncio.get_running_loop()
        self._since: dict[str, float] = {}
        """Symbol → when it was found stale."""
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """There is a client: look from now on."""
        if self._timer is None:
            self._timer = self._loop.call_later(LOOK_S, self._look)

    def end(self) -> None:
        """There is no client any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._since.clear()

    def _look(self) -> None:
        now = self._loop.time()
        self._since = {symbol: self._since.get(symbol, now) for symbol in self._stale()}
        too_long = {symbol for symbol, since in self._since.items() if now - since >= STALE_S}
        delay_s = LOOK_S
        if too_long and self._closes():
            due = (client for client in self._clients if now - client.since >= STALE_S and not client.is_closing)
            holders = ((client, too_long.intersection(client.symbols)) for client in due)
            closing = list(islice(((client, symbols) for client, symbols in holders if symbols), _AT_ONCE))
            if closing:
                logger.warning(
                    "clients of Binance's streams closed, as prices are stale: %d at once, e.g. for %s",
                    len(closing), max(closing[0][1]) or "all",
                )  # fmt: skip
            for client, symbols in closing:
                client.close_as_stale(max(symbols))
            if len(closing) == _AT_ONCE:
                delay_s = 0.0
        self._timer = self._loop.call_later(delay_s, self._look)
