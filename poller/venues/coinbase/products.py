"""``GET /products``: Coinbase Exchange's listing, with decimals (API documents, "Get all known trading pairs")."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.json import Decoder

from market.prices.instruments import Instrument, Rules, Scales
from market.prices.venues import COINBASE, symbol_of
from poller.network import reasons
from poller.rest.answers import read_rows
from poller.rest.client import Failure
from poller.rest.listed import closed, decimal, decimals, halted

PATH = "/products"


class _Product(Struct):
    id: str
    base_currency: str = ""
    quote_currency: str = ""
    quote_increment: str = ""
    base_increment: str = ""
    status: str = "online"
    status_message: str | None = None
    trading_disabled: bool = False
    cancel_only: bool = False


_one = Decoder(_Product)
_many = Decoder(list[_Product])


def read_products(body: bytes) -> Mapping[str, Instrument] | Failure:
    """Return the symbols in an answer, or why no product in it is readable."""
    rows, _ = read_rows(body, _one, _many)
    if not rows:
        words = reasons.in_body(body)
        return Failure(f"no list of products{f': {words}' if words else ''}")
    return {symbol_of(COINBASE, row.id): _instrument(row) for row in rows}


def _instrument(row: _Product) -> Instrument:
    scales = Scales(decimals(row.quote_increment), decimals(row.base_increment))
    rules = Rules(row.base_currency, row.quote_currency, decimal(row.quote_increment), decimal(row.base_increment))
    if row.status == "delisted":
        return closed(scales, row.status, rules)
    if row.status != "online" or row.trading_disabled or row.cancel_only:
        return halted(scales, row.status_message or ("cancel only" if row.cancel_only else row.status), rules)
    return Instrument("trading", scales, rules=rules)
