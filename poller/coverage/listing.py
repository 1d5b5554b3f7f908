"""How the exchange lists our symbols: the interface that a source on streams needs."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from market.prices.instruments import Instrument
from poller.network.backoff import Backoff


class Listing(Protocol):
    """Our symbols as the exchange lists them; `run` keeps them up to date."""

    instruments: dict[str, Instrument]
    """Symbol → its newest listing."""

    @property
    def answerable(self) -> tuple[str, ...]:
        """The symbols that the exchange answers for."""

    def is_traded(self, symbol: str) -> bool:
        """Whether to expect quotes of ``symbol``."""

    async def first(self, backoff: Backoff, failing: Callable[[str], None]) -> Mapping[str, Instrument]:
        """Ask until there is an answer for every symbol; each failure's reason goes to ``failing``.

        Raises:
            UnknownSymbolError: none of them is listed.
        """

    def doubt(self, symbol: str, *, silent: bool = False) -> None:
        """The listing of ``symbol`` may be wrong, or it is only ``silent``: read it again, at a bounded rate."""

    def serve(self, symbols: Iterable[str]) -> None:
        """Serve these symbols from now on; new ones are requested at once."""

    async def run(self) -> None:
        """Read the listing again periodically, until cancelled."""
