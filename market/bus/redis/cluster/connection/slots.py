"""Hash slots: every key and every sharded channel has one, and every slot is on one node.

See the Redis Cluster specification, "Key distribution model" and "Hash tags".
"""

import binascii
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from market.bus.redis.cluster.connection.url import Address

SLOTS: Final = 16_384


def slot_of(key: bytes) -> int:
    """The slot of a key: CRC16 (XMODEM) of what is between its first braces, or of all of it."""
    _, begin, rest = key.partition(b"{")
    tag, end, _ = rest.partition(b"}")
    return binascii.crc_hqx(tag if begin and end and tag else key, 0) % SLOTS


class SlotMap(NamedTuple):
    """Which node has which slot, by one node's word."""

    epoch: int
    """The cluster's count of changes, as that node knows it. A node that is cut off stays behind."""
    first: Sequence[int]
    """The first slot of each range, in order."""
    last: Sequence[int]
    """The last slot of each range."""
    owners: Sequence[Address]
    """The primary of each range."""
    nodes: frozenset[Address]
    """All nodes, replicas too."""

    def owner(self, slot: int) -> Address | None:
        """The node that has ``slot``; None if none has it."""
        at = bisect_right(self.first, slot) - 1
        return self.owners[at] if at >= 0 and slot <= self.last[at] else None


NO_SLOTS: Final = SlotMap(-1, (), (), (), frozenset())


def read_slots(answer: Any, epoch: int, asked: Address) -> SlotMap:
    """Read the answer of ``asked`` to CLUSTER SLOTS. A node without an address of its own is where ``asked`` is.

    Raises:
        ValueError: it is no such answer.
    """
    try:
        ranges = sorted((int(its[0]), int(its[1]), [_address(node, asked) for node in its[2:]]) for its in answer)
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise ValueError(f"{asked} answers CLUSTER SLOTS with what cannot be read: {error}") from None
    ranges = [its for its in ranges if its[2]]
    return SlotMap(
        epoch,
        [first for first, _, _ in ranges],
        [last for _, last, _ in ranges],
        [nodes[0] for _, _, nodes in ranges],
        frozenset(node for _, _, nodes in ranges for node in nodes),
    )


def _address(node: Any, asked: Address) -> Address:
    host = (node[0] or b"").decode()
    # "?" is a node whose name is asked for, and which has none.
    return Address(host if host not in {"", "?"} else asked.host, int(node[1]))
