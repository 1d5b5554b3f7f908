"""The listing of a venue's symbols as bytes on the bus: one kept value for each venue.

It is JSON: ``{"version":1,"venue":"binance","symbols":[{…},…]}``. Unknown fields are ignored.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from market.prices.listed import Listed
from market.wire.codec import bounded

VERSION: Final = 1
MAX_LISTING_BYTES: Final = 4 << 20
"""Ten thousand symbols, each with all that there may be."""


class Listing(Struct, frozen=True, kw_only=True):
    """The symbols that a poller serves, as its venue lists them."""

    version: Annotated[int, Meta(ge=VERSION, le=VERSION)] = VERSION
    venue: Annotated[str, Meta(max_length=40)]
    symbols: list[Listed]


_encode = msgspec.json.Encoder().encode


def encode_listing(listing: Listing) -> bytes:
    """A listing as JSON."""
    return _encode(listing)


decode_listing: Final = bounded("a listing", MAX_LISTING_BYTES, msgspec.json.Decoder(Listing).decode)
"""The listing of a payload; raises `market.wire.codec.CodecError`."""
