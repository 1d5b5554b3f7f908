"""Slots: of keys, and of nodes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bus.redis.cluster.connection.slots import NO_SLOTS, SLOTS, read_slots, slot_of
from market.bus.redis.cluster.connection.url import Address
from market.bus.redis.cluster.roles.layout import partition_key
from tests.valkey_cluster import ValkeyCluster

ASKED = Address("10.0.0.9", 7009)


@pytest.mark.parametrize(
    ("key", "slot"),
    [
        (b"123456789", 12_739),
        (b"{user1000}.following", slot_of(b"user1000")),
        (b"foo{}{bar}", slot_of(b"foo{}{bar}")),
        (b"foo{{bar}}zap", slot_of(b"{bar")),
        (b"foo{bar}{zap}", slot_of(b"bar")),
        (b"foo{bar", slot_of(b"foo{bar")),
    ],
)
def test_the_slot_of_a_key(key: bytes, slot: int) -> None:
    """CRC16 of the hash tag if there is one: the examples of the specification."""
    assert slot == slot_of(key)


@given(key=st.binary(max_size=30))
def test_a_server_agrees(key: bytes) -> None:
    """It is the slot that redis-py finds too."""
    from redis.crc import key_slot

    assert key_slot(key) == slot_of(key)


@pytest.mark.parametrize(("partitions", "nodes", "most"), [(3, 3, 1), (4, 4, 1), (6, 3, 2), (8, 3, 3), (8, 4, 2)])
def test_partitions_are_spread(partitions: int, nodes: int, most: int) -> None:
    """A few partitions lie on all nodes of a cluster whose slots are divided evenly."""
    slots = [slot_of(partition_key(partition).encode()) for partition in range(partitions)]
    counts = Counter(slot * nodes // SLOTS for slot in slots)
    assert (nodes, most) == (len(counts), max(counts.values()))


def test_reading_slots() -> None:
    """Each range has an owner; replicas are nodes too; a node without a host of its own is where it was asked."""
    answer = [
        [100, 200, [b"10.0.0.1", 7001, b"id"], [b"10.0.0.2", 7002, b"id", []]],
        [0, 50, [None, 7003, b"id"], [b"?", 7004, b"id"]],
        [201, 300, [b"", 7003, b"id"]],
        [400, 500],
    ]
    slots = read_slots(answer, 7, ASKED)
    assert 7 == slots.epoch
    here = Address("10.0.0.9", 7003)
    owners = [slots.owner(slot) for slot in (0, 50, 51, 99, 100, 200, 201, 300, 301, 450, 16_383)]
    there = Address("10.0.0.1", 7001)
    assert [here, here, None, None, there, there, here, here, None, None, None] == owners
    assert {here, there, Address("10.0.0.2", 7002), Address("10.0.0.9", 7004)} == slots.nodes
    assert NO_SLOTS.owner(0) is None


@pytest.mark.parametrize(
    "answer", [b"no", 7, [7], [[1]], [[b"x", 1, [b"h", 1]]], [[0, 1, b"h"]], [[0, 1, [b"h", b"p"]]]]
)
def test_what_is_no_answer(answer: object) -> None:
    """An answer that cannot be read names the node that gave it."""
    with pytest.raises(ValueError, match=r"^10\.0\.0\.9:7009 answers"):
        read_slots(answer, 0, ASKED)


def test_a_real_cluster_is_read(valkey_cluster: ValkeyCluster) -> None:
    """The slots of a real cluster are those of its primaries."""
    node = valkey_cluster.nodes[0]
    slots = read_slots(node.command("CLUSTER", "SLOTS"), 1, Address("127.0.0.1", node.port))
    for partition in range(8):
        owner = slots.owner(slot_of(partition_key(partition).encode()))
        assert owner == ("127.0.0.1", valkey_cluster.owner(partition).port)
    assert 6 == len(slots.nodes)
