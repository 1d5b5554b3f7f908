"""The listing of a venue's symbols as bytes on the bus: one kept value for each venue.

It is JSON: ``{"version":1,"venue":"binance","symbols":[{…},…]}``. Unknown fields are ignored.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from market.prices.listed import Listed
from market.wire.codec import UNREADABLE, CodecError

VERSION: Final = 1
MAX_LISTING_BYTES: Final = 4 << 20
"""Ten thousand symbols, each with all that there may be."""


class Listing(Struct, frozen=True, kw_only=True):
    """The symbols that a poller serves, as its venue lists them."""

    version: Annotated[int, Meta(ge=VERSION, le=VERSION)] = VERSION
    venue: Annotated[str, Meta(max_length=40)]
    symbols: list[Listed]


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Listing)


def encode_listing(listing: Listing) -> bytes:
    """A listing as JSON."""
    return _encode(listing)


def decode_listing(payload: bytes) -> Listing:
    """The listing of a payload.

    Raises:
        CodecError: not a listing, or too long for one.
    """
    if len(payload) > MAX_LISTING_BYTES:
        raise CodecError(f"not a listing: {len(payload)} bytes, of {MAX_LISTING_BYTES} at most")
    try:
        return _decoder.decode(payload)
    except UNREADABLE as error:
        raise CodecError(f"not a listing: {error}") from None
