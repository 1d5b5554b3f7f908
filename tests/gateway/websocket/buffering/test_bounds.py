"""How much may be kept for clients."""

from gateway.websocket.buffering.bounds import Bounds
from gateway.websocket.buffering.memory import share_for_clients


def test_without_a_number_it_is_a_share_of_the_memory() -> None:
    """0 is a number: it means no limit."""
    assert Bounds(30, 10, share_for_clients()) == Bounds.of(30, 10, None)
    assert (0, 77) == (Bounds.of(30, 10, 0).budget, Bounds.of(30, 10, 77).budget)
