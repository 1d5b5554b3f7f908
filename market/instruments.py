"""What an exchange says of a symbol: whether it is traded, and how fine."""

from typing import Literal

from msgspec import Struct


class Scales(Struct, frozen=True):
    """How many decimals the integers of a tick stand for."""

    price: int
    size: int


class Instrument(Struct, frozen=True):
    """A symbol as the exchange lists it now.

    ``scales`` are those of its order rules (Binance's ``tickSize`` and ``stepSize``): a tick has no coarser ones, and
    finer ones where its numbers need them. 0 where the exchange does not say.
    """

    status: Literal["trading", "halted", "delisted", "unknown"]
    scales: Scales = Scales(0, 0)
    reason: str = ""
    """Why it is not traded, for people."""

    @property
    def listed(self) -> bool:
        """Whether the exchange answers questions that name it."""
        return self.status in ("trading", "halted")
