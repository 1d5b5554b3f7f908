"""What processes say of themselves, as bytes."""

from market.wire.presence import GatewayPresent, PollerPresent, decode_presents, encode_present
from tests.market.samples import gateway_present, poller_present


def test_what_is_said_is_read_in_the_order_of_names() -> None:
    """And what cannot be read, or is of a role that nobody knows here, is left out."""
    gateway, poller = gateway_present(name="b"), poller_present(name="a")
    said = {
        "b": encode_present(gateway),
        "a": encode_present(poller),
        "c": b"rubbish",
        "d": b'{"role":"cleaner"}',
        "e": b"",
        "f": encode_present(poller).replace(b'"leading"', b'"dancing"'),
    }
    assert [poller, gateway] == decode_presents(said)


def test_a_newer_process_may_say_more() -> None:
    """Fields that are not known here are passed over."""
    said = encode_present(gateway_present())
    [read] = decode_presents({"a": said.replace(b"{", b'{"mood":"fine",', 1)})
    assert isinstance(read, GatewayPresent)
    assert not isinstance(read, PollerPresent)
