"""What operators tell all gateways, as bytes."""

import pytest

from market.wire.orders import AnyOrder, Kick, Revoke, decode_order, encode_order, name_of


@pytest.mark.parametrize("order", [Kick("alice"), Revoke("alice"), Kick("币 " * 50)])
def test_an_order_is_read_as_it_was_given(order: AnyOrder) -> None:
    """The name tells a kick from a revocation of the same word."""
    assert order == decode_order(encode_order(order))
    assert name_of(order) != name_of(Revoke("alice") if isinstance(order, Kick) else Kick("alice"))


@pytest.mark.parametrize(
    "value", [b"", b"rubbish", b'{"type":"bow","subject":"a"}', b'{"type":"kick"}', b'{"type":"kick","subject":""}']
)
def test_what_cannot_be_read_is_no_order(value: bytes) -> None:
    """Others may write to the bus, and newer versions may know more kinds."""
    assert decode_order(value) is None


def test_a_second_kick_of_a_subject_takes_the_place_of_the_first() -> None:
    """So kicks of one subject do not fill the bus."""
    assert name_of(Kick("a")) == name_of(Kick("a")) != name_of(Kick("b"))
