"""permessage-deflate: what is negotiated, and that a message stands for itself."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.deflate import compress, negotiate

PLAIN = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.mark.parametrize(
    ("offers", "answer"),
    [
        ([], ""),
        (["x-webkit-deflate-frame"], ""),
        (["permessage-deflate"], PLAIN),
        (["permessage-deflate; client_max_window_bits"], PLAIN),
        (["permessage-deflate; client_max_window_bits=10; server_no_context_takeover"], PLAIN),
        (['permessage-deflate; server_max_window_bits="15"'], PLAIN + "; server_max_window_bits=15"),
        # A smaller window than ours is not had; the client's second choice is.
        (["permessage-deflate; server_max_window_bits=10"], ""),
        (["permessage-deflate; server_max_window_bits=10, permessage-deflate"], PLAIN),
        (["foo; bar", "permessage-deflate"], PLAIN),
        # RFC 7692, section 7.1: unknown, repeated or malformed parameters decline the offer.
        (["permessage-deflate; level=9"], ""),
        (["permessage-deflate; server_no_context_takeover=1"], ""),
        (["permessage-deflate; client_max_window_bits; client_max_window_bits"], ""),
        (["permessage-deflate; client_max_window_bits=7"], ""),
        (["permessage-deflate; client_max_window_bits=010"], ""),
    ],
)
def test_what_is_negotiated(offers: list[str], answer: str) -> None:
    """The first offer that can be met is accepted, with windows that nobody keeps."""
    assert answer == negotiate(offers)


@given(st.lists(st.binary(max_size=5000), min_size=1, max_size=5))
def test_every_message_can_be_read_with_and_without_a_window(messages: list[bytes]) -> None:
    """A reader that keeps its window, and one that starts anew for each message, read the same."""
    keeping = zlib.decompressobj(-15)
    for message in messages:
        stream = compress(message) + b"\x00\x00\xff\xff"
        assert message == keeping.decompress(stream)
        assert message == zlib.decompressobj(-15).decompress(stream)


@given(st.text())
def test_no_header_breaks_it(header: str) -> None:
    """Whatever stands in the header, there is an answer."""
    assert negotiate([header]) in {"", PLAIN, PLAIN + "; server_max_window_bits=15"}
