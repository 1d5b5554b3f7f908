"""The listing of a symbol: whether it is traded, and with how many decimals."""

from typing import Literal

from msgspec import Struct


class Scales(Struct, frozen=True):
    """How many decimals the integers of a tick stand for."""

    price: int
    size: int


class Rules(Struct, frozen=True):
    """What an exchange says of a symbol besides: its assets, and the rules for orders as decimal strings.

    Empty where it does not say.
    """

    base: str = ""
    quote: str = ""
    tick_size: str = ""
    step_size: str = ""
    min_price: str = ""
    max_price: str = ""
    min_qty: str = ""
    max_qty: str = ""
    min_notional: str = ""


class Instrument(Struct, frozen=True):
    """A symbol as the exchange lists it now.

    ``scales`` are those of its order rules (Binance's ``tickSize`` and ``stepSize``). A tick never has coarser ones. It
    has finer ones if its numbers need them. 0 if the exchange does not say.
    """

    status: Literal["trading", "halted", "delisted", "unknown"]
    scales: Scales = Scales(0, 0)
    reason: str = ""
    """Why it is not traded, for people."""
    rules: Rules | None = None
    """None if nothing is known."""

    @property
    def listed(self) -> bool:
        """Whether the exchange answers questions that name it."""
        return self.status in ("trading", "halted")
