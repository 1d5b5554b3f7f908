"""``GET /products``: what Coinbase Exchange lists, and how fine (API documents, "Get all known trading pairs")."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.json import Decoder

from market.instruments import Instrument, Scales
from market.tick import DecimalError, scale_of
from market.venues import COINBASE, symbol_of
from poller.network import reasons
from poller.rest.answers import read_rows
from poller.rest.client import Failure

PATH = "/products"


class _Product(Struct):
    id: str
    quote_increment: str = ""
    base_increment: str = ""
    status: str = "online"
    status_message: str | None = None
    trading_disabled: bool = False
    cancel_only: bool = False


_one = Decoder(_Product)
_many = Decoder(list[_Product])


def read_products(body: bytes) -> Mapping[str, Instrument] | Failure:
    """The symbols in an answer; why it is none where no product can be read."""
    rows, _ = read_rows(body, _one, _many)
    if not rows:
        words = reasons.in_body(body)
        return Failure(f"no list of products{f': {words}' if words else ''}")
    return {symbol_of(COINBASE, row.id): _instrument(row) for row in rows}


def _instrument(row: _Product) -> Instrument:
    scales = Scales(_scale(row.quote_increment), _scale(row.base_increment))
    if row.status == "delisted":
        return Instrument("delisted", scales, "the exchange has closed it")
    if row.status != "online" or row.trading_disabled or row.cancel_only:
        why = row.status_message or ("cancel only" if row.cancel_only else row.status)
        return Instrument("halted", scales, f"the exchange does not trade it now ({reasons.one_line(why)[:60]})")
    return Instrument("trading", scales)


def _scale(step: str) -> int:
    """The decimals of a step; 0 where there is none that makes sense: a tick's own numbers then decide."""
    try:
        return scale_of(step)
    except DecimalError:
        return 0
