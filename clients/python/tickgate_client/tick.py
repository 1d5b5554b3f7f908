"""A tick: the integers as the gateway sends them, and exact decimals where they are asked for."""

from decimal import Context, Decimal
from typing import Any, Final, NamedTuple

_EXACT: Final = Context(prec=60)
"""Of our own: a program that has set a small precision must not get rounded prices."""


class Tick(NamedTuple):
    """One price of one symbol.

    The names that end in ``_int`` are integers at ``price_scale`` or ``size_scale``. The same names without it are
    decimals, which are made when they are read. What the exchange did not give is None.
    """

    symbol: str
    """The full name, as ``BTCUSDT``."""
    seq: int
    """Grows with every tick of the symbol. It is no time."""
    bid_int: int | None
    ask_int: int | None
    bid_size_int: int | None
    ask_size_int: int | None
    last_int: int | None
    volume_int: int | None
    """Of the last 24 hours, in the base asset."""
    price_scale: int
    size_scale: int
    event_us: int | None
    """When it happened, by the exchange's clock; microseconds since 1970."""
    recv_us: int
    """When the poller received it, by its clock; microseconds since 1970."""
    update_id: int | None = None
    """The exchange's own number of the quote; ticks with the same one have the same quote."""
    snapshot: bool = False
    """Whether it is the last value of the symbol, sent because of a subscribe."""

    @property
    def bid(self) -> Decimal | None:
        """The best bid."""
        return scaled(self.bid_int, self.price_scale)

    @property
    def ask(self) -> Decimal | None:
        """The best ask."""
        return scaled(self.ask_int, self.price_scale)

    @property
    def last(self) -> Decimal | None:
        """The price of the last trade."""
        return scaled(self.last_int, self.price_scale)

    @property
    def bid_size(self) -> Decimal | None:
        """The size at the best bid."""
        return scaled(self.bid_size_int, self.size_scale)

    @property
    def ask_size(self) -> Decimal | None:
        """The size at the best ask."""
        return scaled(self.ask_size_int, self.size_scale)

    @property
    def volume(self) -> Decimal | None:
        """The volume of the last 24 hours, in the base asset."""
        return scaled(self.volume_int, self.size_scale)

    def __str__(self) -> str:
        """Name, bid and ask, with all their digits."""
        bid, ask = (format_price(value, self.price_scale) for value in (self.bid_int, self.ask_int))
        return f"{self.symbol} {bid} / {ask}"


def scaled(value: int | None, scale: int) -> Decimal | None:
    """``value / 10**scale``, exactly, whatever the context of the decimal module says."""
    return None if value is None else _EXACT.scaleb(Decimal(value), -scale)


def format_price(value: int | None, scale: int) -> str:
    """``value / 10**scale`` with all its digits, as ``65028.86``; no exponent, no float. ``-`` if there is none."""
    if value is None:
        return "-"
    digits = str(abs(value)).rjust(scale + 1, "0")
    text = f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
    return f"-{text}" if value < 0 else text


def tick_of(message: dict[str, Any], *, snapshot: bool = False) -> Tick:
    """The tick in a decoded message.

    Raises:
        KeyError: it lacks what every tick has.
    """
    get = message.get
    return Tick(
        message["symbol"],
        message["seq"],
        get("bid"),
        get("ask"),
        get("bid_size"),
        get("ask_size"),
        get("last"),
        get("volume"),
        message["price_scale"],
        message["size_scale"],
        get("event_us"),
        message["recv_us"],
        get("update_id"),
        snapshot,
    )
