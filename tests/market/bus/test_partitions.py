"""Which partition a topic lies in."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bus import in_partition, partition_of

TOPICS = st.text(max_size=30)


def test_a_topic_s_partition_never_changes() -> None:
    """Processes of all versions agree: these partitions are fixed."""
    topics = ["tick.BTCUSDT", "tick.ETHUSDT", "tick.coinbase:BTC-USD", "tick.币安人生USDT"]
    assert [2, 5, 3, 6] == [partition_of(topic, 8) for topic in topics]


@given(TOPICS, st.integers(0, 255), st.integers(1, 256))
def test_a_topic_of_a_partition_lies_there(topic: str, partition: int, partitions: int) -> None:
    """A topic that names its partition lies in it, whatever its name and however many there are."""
    assert partition == partition_of(in_partition(topic, partition), partitions)


@given(TOPICS, st.integers(1, 256))
def test_every_topic_has_one(topic: str, partitions: int) -> None:
    """Any other topic lies in one of the partitions, the same each time."""
    plain = f"tick.{topic}"
    assert 0 <= partition_of(plain, partitions) < partitions
    assert partition_of(plain, partitions) == partition_of(plain, partitions)


@pytest.mark.parametrize("topic", ["states", "nodot", ""])
def test_topics_without_a_dot(topic: str) -> None:
    """They lie in partition 0, so a reader needs no number of partitions to find them."""
    assert 0 == partition_of(topic, 256)


def test_a_symbol_with_a_sign_is_no_partition() -> None:
    """A symbol may contain the sign that ends a partition's number."""
    assert {partition_of(f"tick.{number}#X", 16) for number in range(100)} == set(range(16))


def test_symbols_are_spread() -> None:
    """Two thousand symbols fill eight partitions about evenly."""
    counts = Counter(partition_of(f"tick.C{number}USDT", 8) for number in range(2_000))
    assert 200 < min(counts.values()) <= max(counts.values()) < 300
