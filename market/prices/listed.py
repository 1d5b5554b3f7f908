"""A symbol as its venue lists it, for programs beyond the poller: its assets, its state, and the rules for orders.

Numbers are decimal strings, as the exchange wrote them. What it did not say is absent.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from market.prices.instruments import Instrument
from market.prices.stats import Text
from market.prices.tick import SymbolName
from market.prices.venues import native_of


class Listed(Struct, frozen=True, kw_only=True):
    """One symbol of a listing."""

    symbol: SymbolName
    """The symbol's full name."""
    native: SymbolName
    """As the venue names it."""
    status: Literal["trading", "halted", "delisted", "unknown"]
    base: str | UnsetType = UNSET
    quote: str | UnsetType = UNSET
    tick_size: Text = UNSET
    """The smallest step of prices."""
    step_size: Text = UNSET
    """The smallest step of sizes."""
    min_price: Text = UNSET
    max_price: Text = UNSET
    min_qty: Text = UNSET
    max_qty: Text = UNSET
    min_notional: Text = UNSET
    """The least price times size of an order."""


def listed(symbol: str, instrument: Instrument) -> Listed:
    """The entry of ``symbol`` in a listing."""
    rules = instrument.rules
    if rules is None:
        return Listed(symbol=symbol, native=native_of(symbol), status=instrument.status)
    return Listed(
        symbol=symbol,
        native=native_of(symbol),
        status=instrument.status,
        base=rules.base or UNSET,
        quote=rules.quote or UNSET,
        tick_size=rules.tick_size or UNSET,
        step_size=rules.step_size or UNSET,
        min_price=rules.min_price or UNSET,
        max_price=rules.max_price or UNSET,
        min_qty=rules.min_qty or UNSET,
        max_qty=rules.max_qty or UNSET,
        min_notional=rules.min_notional or UNSET,
    )
