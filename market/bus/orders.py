"""Orders: what an operator tells every gateway, such as to close a subject's connections.

Each order has a name and a value, and stands for some time by the bus's clock. The bus may lose its data at any time;
a reader keeps the orders that it knows until their own time is over.
"""

from typing import Final, NamedTuple, Protocol

MOST_ORDERS: Final = 1_000
"""Orders at once. A bus keeps no more, whoever gives them."""
MAX_ORDER_BYTES: Final = 2_048
"""The longest name, and the longest value."""
LONGEST_S: Final = 366 * 86_400
"""No order stands for longer."""


class Order(NamedTuple):
    """One order, with times by the bus's clock: microseconds of any one epoch."""

    value: bytes
    given_us: int
    ends_us: int


class Standing(NamedTuple):
    """All orders that stand."""

    version: bytes
    """Differs from that of every earlier reading since which an order was given."""
    now_us: int
    """When they were read, by the bus's clock."""
    orders: dict[str, Order]
    """By name."""


class Orders(Protocol):
    """Give an order; read those that stand.

    An implementation on a bus that cannot do this, and that was given no other store, raises `NoStoreError`.
    """

    async def give(self, name: str, value: bytes, ttl_s: float) -> None:
        """Let ``value`` stand under ``name`` for ``ttl_s`` seconds, in place of an earlier one.

        Raises:
            ValueError: name or value is too long, or would stand for too long.
            BusDownError: it may stand or not; or there are `MOST_ORDERS` others.
        """

    async def standing(self, known: bytes = b"") -> Standing | None:
        """The orders that stand; None if none was given since the reading whose version is ``known``.

        Raises:
            BusDownError: the bus did not answer.
        """


def check_order(name: str, value: bytes, ttl_s: float) -> None:
    """Check what an order may be.

    Raises:
        ValueError: name or value is too long, or would stand for too long.
    """
    if max(len(name.encode()), len(value)) > MAX_ORDER_BYTES:
        raise ValueError(f"an order's name and value have at most {MAX_ORDER_BYTES} bytes each")
    if not 0 < ttl_s <= LONGEST_S:
        raise ValueError(f"an order stands for {LONGEST_S // 86_400} days at most")
