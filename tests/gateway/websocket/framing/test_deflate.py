"""permessage-deflate: what is negotiated, and that a message stands for itself."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.websocket.framing.deflate import Agreement, compress, negotiate

NAME = "permessage-deflate"
BOTH = f"{NAME}; server_no_context_takeover; client_no_context_takeover"
WHOLE = 32 * 1024


@pytest.mark.parametrize(
    ("offers", "answer", "window_bytes"),
    [
        (["permessage-deflate"], NAME, WHOLE),
        (["permessage-deflate; client_max_window_bits"], NAME, WHOLE),
        ([BOTH], BOTH, 0),
        (
            [f"{NAME};client_no_context_takeover ; server_no_context_takeover"],
            f"{NAME}; client_no_context_takeover; server_no_context_takeover",
            0,
        ),
        ([f"{NAME}; client_no_context_takeover"], f"{NAME}; client_no_context_takeover", 0),
        (
            [f"{NAME}; client_max_window_bits=10; server_no_context_takeover"],
            f"{NAME}; client_max_window_bits=10; server_no_context_takeover",
            1024,
        ),
        ([f'{NAME}; client_max_window_bits = "9"'], f"{NAME}; client_max_window_bits=9", 512),
        (
            [f"{NAME}; client_max_window_bits=9; client_no_context_takeover"],
            f"{NAME}; client_max_window_bits=9; client_no_context_takeover",
            0,
        ),
        ([f'{NAME}; server_max_window_bits="15"'], f"{NAME}; server_max_window_bits=15", WHOLE),
        # A smaller window than ours is not had; the client's second choice is.
        ([f"{NAME}; server_max_window_bits=10, {NAME}"], NAME, WHOLE),
        ([f"{NAME}; server_max_window_bits=10", BOTH], BOTH, 0),
        (["foo; bar", NAME], NAME, WHOLE),
    ],
)
def test_what_is_negotiated(offers: list[str], answer: str, window_bytes: int) -> None:
    """The first offer that can be met is accepted, with all that was offered and nothing else."""
    assert Agreement(answer, window_bytes) == negotiate(offers)


@pytest.mark.parametrize(
    "offers",
    [
        [],
        ["x-webkit-deflate-frame"],
        ["permessage-deflate; server_max_window_bits=10"],
        # RFC 7692, section 7.1: unknown, repeated or malformed parameters decline the offer.
        ["permessage-deflate; level=9"],
        ["permessage-deflate; server_no_context_takeover=1"],
        ["permessage-deflate; client_max_window_bits; client_max_window_bits"],
        ["permessage-deflate; client_max_window_bits=7"],
        ["permessage-deflate; client_max_window_bits=010"],
    ],
)
def test_what_cannot_be_met_is_declined(offers: list[str]) -> None:
    """Without a usable offer there is no compression, and the handshake still succeeds."""
    assert negotiate(offers) is None


@given(st.lists(st.binary(max_size=5000), min_size=1, max_size=5))
def test_every_message_can_be_read_with_and_without_a_window(messages: list[bytes]) -> None:
    """A reader with a window and one without read the same messages."""
    keeping = zlib.decompressobj(-15)
    for message in messages:
        stream = compress(message) + b"\x00\x00\xff\xff"
        assert message == keeping.decompress(stream)
        assert message == zlib.decompressobj(-15).decompress(stream)


@given(st.text())
def test_no_header_breaks_it(header: str) -> None:
    """Any header has an answer."""
    agreement = negotiate([header])
    assert agreement is None or agreement.answer.startswith(NAME)


PARAMETERS = st.lists(
    st.sampled_from(
        [
            *("client_no_context_takeover", "server_no_context_takeover", "more"),
            *("client_max_window_bits", "client_max_window_bits=9"),
            *("server_max_window_bits=15", "server_max_window_bits=9"),
        ],
    ),
    max_size=4,
)


@given(PARAMETERS)
def test_nothing_is_answered_that_was_not_offered_and_nothing_left_out(parameters: list[str]) -> None:
    """Every parameter of an accepted offer comes back, except a mere permission."""
    agreement = negotiate(["; ".join((NAME, *parameters))])
    if agreement is not None:
        offered = set(parameters) - {"client_max_window_bits"}
        assert {NAME} | offered == set(agreement.answer.split("; "))
