"""Keys and channels: processes of all versions agree on them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bus.partitions import in_partition
from market.bus.redis.cluster.connection.slots import slot_of
from market.bus.redis.cluster.roles.layout import (
    as_partitions,
    channel,
    field_of,
    partition_key,
    partitions_with,
    ticket_key,
    topic_of,
)


@given(st.text(max_size=20), st.integers(0, 300))
def test_a_partition_is_in_one_slot(topic: str, partition: int) -> None:
    """Whatever the topic, its channel has the slot of its partition."""
    assert slot_of(partition_key(partition).encode()) == slot_of(channel(topic, partition).encode())


@given(st.text(max_size=20), st.text(max_size=20))
def test_fields_are_told_from_ours(topic: str, other: str) -> None:
    """Every topic has a field of its own, and none that we use ourselves."""
    assert topic == topic_of(field_of(topic))
    assert field_of(topic) not in {f"#lease.{other}", "#partitions"} or topic.startswith("#")
    assert field_of(f"#lease.{topic}") != f"#lease.{topic}"
    assert (topic == other) == (field_of(topic) == field_of(other))


def test_names_are_fixed() -> None:
    """Other programs may read them."""
    assert ("{tickgate:3}", "{tickgate:3}3#batch.binance") == (partition_key(3), channel("3#batch.binance", 3))
    assert ("tick.BTCUSDT", "ticket.x") == (field_of("tick.BTCUSDT"), ticket_key("x"))


def test_a_plain_topic_may_be_a_barrier() -> None:
    """It is read in its own partition and in the first, where barriers are; one that names a partition, only there."""
    assert {0} == partitions_with("states", 8)
    assert {2, 0} == partitions_with("tick.BTCUSDT", 8)
    assert {0} == partitions_with("tick.BTCUSDT", 1)
    assert {5} == partitions_with(in_partition("feed.status", 5), 8)
    assert {0} == partitions_with(in_partition("feed.status", 0), 8)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(None, 4), (b"7", 7), (b"256", 256), (b"257", 4), (b"0", 4), (b"-1", 4), (b"x", 4), (b"", 4), (b"9" * 5000, 4)],
)
def test_a_number_of_partitions_is_checked(answer: bytes | None, expected: int) -> None:
    """Anybody may have written it: what cannot be is as if there were none."""
    assert expected == as_partitions(answer, 4)
