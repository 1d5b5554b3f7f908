"""What a source by streams has to know of what its exchange lists."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from market.prices.instruments import Instrument
from poller.network.backoff import Backoff


class Listing(Protocol):
    """Our symbols as the exchange lists them; `run` keeps it so."""

    instruments: dict[str, Instrument]
    """As they were listed last."""

    @property
    def answerable(self) -> tuple[str, ...]:
        """The symbols that the exchange answers for."""

    def is_traded(self, symbol: str) -> bool:
        """Whether quotes of ``symbol`` are to be expected."""

    async def first(self, backoff: Backoff, failing: Callable[[str], None]) -> Mapping[str, Instrument]:
        """Ask until there is an answer for every symbol; each failure's reason goes to ``failing``.

        Raises:
            UnknownSymbolError: none of them is listed.
        """

    def doubt(self, symbol: str, *, silent: bool = False) -> None:
        """What is known of ``symbol`` does not fit, or it is only ``silent``: look again, at a bounded rate."""

    def serve(self, symbols: Iterable[str]) -> None:
        """Look after these symbols from now on; those that are new are asked for at once."""

    async def run(self) -> None:
        """Look again now and then, until cancelled."""
