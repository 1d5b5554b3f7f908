"""On Kafka a gateway that starts has what the bus kept: clients that must have every tick come back to it."""

import asyncio
import signal
from collections import defaultdict

import pytest

from market.wire.tick_batch import read_batch
from tests.integration.resuming import SYMBOLS, Resuming, assert_has_all, until_each_has
from tests.integration.stacks import run_plan, running, ws_url
from tests.kafka import fresh_url
from tests.valkey import Valkey
from tests.waiting import until

pytestmark = pytest.mark.integration

TICKS_PER_S = 1_000
CLIENTS = 4
PARTITIONS = 3
CALM_S = 1.5


def published(url: str) -> dict[str, list[int]]:
    """Every tick in the log, by symbol: as the bus itself has it."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    broker, _, prefix = url.removeprefix("kafka://").partition("/")
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "a test", "enable.partition.eof": True})
    seqs: dict[str, list[int]] = defaultdict(list)
    try:
        topic = f"{prefix}.ticks"
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
        ended = 0
        while ended < PARTITIONS:
            record = consumer.poll(20)
            assert record is not None, "the broker does not answer"
            key, value = record.key(), record.value()
            if record.error() is not None:
                ended += 1
            elif isinstance(key, bytes) and isinstance(value, bytes) and key.endswith(b"#batch.binance"):
                for tick in read_batch(value).ticks:
                    seqs[tick.symbol].append(tick.seq)
    finally:
        consumer.close()
    return seqs


async def test_no_tick_is_missed_when_the_only_gateway_is_killed_and_started_again(
    kafka_port: int, valkey: Valkey
) -> None:
    """At 1,000 ticks a second its clients have every tick of the log, once and in order, also those of its absence."""
    url = fresh_url(kafka_port)
    settings = {"BUS_URL": url, "STORE_URL": valkey.url, "BUS_PARTITIONS": str(PARTITIONS)}
    plan = run_plan(SYMBOLS=",".join(SYMBOLS), SIM_TICKS_PER_S=str(TICKS_PER_S), **settings)
    async with running(plan) as stack:
        clients = [Resuming(ws_url(stack), batch=number % 2 == 0) for number in range(CLIENTS)]
        tasks = [asyncio.create_task(client.run()) for client in clients]
        await until(lambda: all(len(client.connections) == 1 for client in clients))
        await asyncio.sleep(CALM_S)
        stack["gateway"].send_all(signal.SIGKILL)
        await stack["gateway"].ended()
        await stack.start_one("gateway")
        await until(lambda: all(client.away_s for client in clients), 20)
        await until_each_has(clients, int(2 * CALM_S * TICKS_PER_S / len(SYMBOLS) / 2))
        await asyncio.sleep(CALM_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        log = await asyncio.to_thread(published, url)
    away_s = max(seconds for client in clients for seconds in client.away_s)
    print(f"killed (kill -9) and started again: the next tick after {away_s:.2f} s at most")  # noqa: T201
    assert [0] * CLIENTS == [client.gaps for client in clients]
    for client in clients:
        assert_has_all(client, log)
