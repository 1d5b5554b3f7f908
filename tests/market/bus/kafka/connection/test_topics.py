"""The two topics on a real broker: created, or told what is wrong with them."""

import asyncio
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from market.bus.errors import BusDownError
from market.bus.kafka.connection.client import KafkaClient
from market.bus.kafka.connection.topics import settings
from tests.kafka import fresh_url
from tests.waiting import HANGS_AFTER_S


@pytest.fixture
def client(kafka_port: int) -> KafkaClient:
    """Of topics that do not exist yet."""
    return KafkaClient(fresh_url(kafka_port))


@pytest.fixture
def admin(kafka_port: int) -> Iterator[AdminClient]:
    """Somebody who may do everything."""
    return AdminClient({"bootstrap.servers": f"127.0.0.1:{kafka_port}"})  # type: ignore[return-value]


def create(admin: AdminClient, topic: str, partitions: int) -> None:
    """Have a topic made by somebody else."""
    for done in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        done.result(20)


async def test_a_publisher_creates_them(client: KafkaClient) -> None:
    """Twice does no harm; before that a reader is told that they are missing."""
    with pytest.raises(BusDownError, match=rf"has no topic {client.url.ticks}; a poller creates it"):
        await client.partitions()
    await client.ensure_topics(4)
    await client.ensure_topics(4)
    assert 4 == await client.partitions()


async def test_several_at_once(client: KafkaClient) -> None:
    """Two pollers that start together do not disturb each other."""
    others = [KafkaClient(f"kafka://{client.url.servers[0]}/{client.url.prefix[:-1]}") for _ in range(3)]
    await asyncio.gather(*(its.ensure_topics(2) for its in (client, *others)))
    assert 2 == await client.partitions()


async def test_another_number_of_partitions_is_refused(client: KafkaClient) -> None:
    """The message names both numbers, and the ways out."""
    await client.ensure_topics(2)
    with pytest.raises(
        BusDownError, match=r"has 2 partitions, and BUS_PARTITIONS is 3; set it to 2, or add partitions"
    ):
        await client.ensure_topics(3)
    with pytest.raises(BusDownError, match=r"has 2 partitions, and BUS_PARTITIONS is 1; set it to 2$"):
        await client.ensure_topics(1)


async def test_they_are_not_created_where_that_is_not_wanted(kafka_port: int, admin: AdminClient) -> None:
    """The message says so, until somebody else has created them."""
    client = KafkaClient(f"{fresh_url(kafka_port)}?create=false")
    with pytest.raises(BusDownError, match=r"has no topic \S+ and no topic \S+, and BUS_URL says create=false"):
        await client.ensure_topics(1)
    await asyncio.to_thread(create, admin, client.url.ticks, 1)
    await asyncio.to_thread(create, admin, client.url.last, 1)
    # A broker may hear of them a moment after they are there.
    async with asyncio.timeout(HANGS_AFTER_S):
        while "has no topic" in await complaint_of(client):  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.01)
    await client.ensure_topics(1)


async def complaint_of(client: KafkaClient) -> str:
    """What is wrong with the topics."""
    try:
        await client.ensure_topics(1)
    except BusDownError as error:
        return str(error)
    return ""


async def test_more_copies_than_brokers(kafka_port: int) -> None:
    """The message says how to ask for fewer."""
    client = KafkaClient(f"{fresh_url(kafka_port)}?replication=3")
    with pytest.raises(BusDownError, match=r"too few brokers for topic \S+; name fewer copies in BUS_URL"):
        await client.ensure_topics(1)


async def test_last_values_need_one_partition(client: KafkaClient, admin: AdminClient) -> None:
    """Marks are read in the order in which they were written."""
    await asyncio.to_thread(create, admin, client.url.last, 2)
    with pytest.raises(BusDownError, match=r"has 2 partitions, and needs 1; delete it"):
        await client.ensure_topics(1)


def test_one_is_compacted_and_one_is_not(client: KafkaClient) -> None:
    """Records of ``ticks`` are kept for as long as the URL says."""
    assert "delete" == settings(client.url)[client.url.ticks]["cleanup.policy"]
    assert "3600000" == settings(client.url)[client.url.ticks]["retention.ms"]
    assert "compact" == settings(client.url)[client.url.last]["cleanup.policy"]
