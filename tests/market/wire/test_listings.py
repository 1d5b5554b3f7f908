"""The listing of a venue on the bus."""

import pytest

from market.prices.listed import Listed
from market.wire.codec import CodecError
from market.wire.listings import MAX_LISTING_BYTES, Listing, decode_listing, encode_listing


def test_a_listing_goes_there_and_back() -> None:
    """As it was, and in these very bytes."""
    entry = Listed(
        symbol="BTCUSDT", native="BTCUSDT", status="trading", base="BTC", quote="USDT", tick_size="0.01000000"
    )
    listing = Listing(venue="binance", symbols=[entry])
    payload = encode_listing(listing)
    assert listing == decode_listing(payload)
    assert payload == (
        b'{"version":1,"venue":"binance","symbols":[{"symbol":"BTCUSDT","native":"BTCUSDT","status":"trading",'
        b'"base":"BTC","quote":"USDT","tick_size":"0.01000000"}]}'
    )


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b'{"version":2,"venue":"binance","symbols":[]}',
        b'{"venue":"binance","symbols":[{"symbol":"A1"}]}',
        b'{"venue":"binance","symbols":[]}' + b" " * MAX_LISTING_BYTES,
    ],
)
def test_anything_else_is_refused(payload: bytes) -> None:
    """Anybody may write to a bus."""
    with pytest.raises(CodecError, match="not a listing"):
        decode_listing(payload)
