"""What Kafka costs as the bus: which client for Python is cheaper, what fencing costs, and how fast a batch arrives.

    python -m bench.kafka            (needs Java; aiokafka is measured beside confluent-kafka if it is installed)

Everything runs against one real broker, which is started for it. CPU is that of this process, all its threads together.
"""

import argparse
import asyncio
import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.files import KAFKA
from deploy.launcher.stack import is_ready
from deploy.ports import Address, free_port
from market.bus import Batch, BusOptions, Message, in_partition, open_bus

PAYLOAD: Final = os.urandom(2_000) + b"x" * 2_000
"""A batch of some twenty ticks; half of it cannot be compressed."""
PACED: Final = 2_000
RATE: Final = 200
FLOOD: Final = 100_000
PARTITIONS: Final = 4
PER_BATCH: Final = 50


def cpu_s() -> float:
    """The processor time of this process."""
    times = os.times()
    return times.user + times.system


def spread(seconds: Sequence[float]) -> str:
    """Median and 99th percentile, in milliseconds."""
    ordered = sorted(seconds)
    return f"p50 {ordered[len(ordered) // 2] * 1e3:.2f} ms, p99 {ordered[int(len(ordered) * 0.99)] * 1e3:.2f} ms"


def fresh(server: str, partitions: int = 1) -> str:
    """A topic that did not exist before."""
    topic = f"bench-{time.time_ns()}"
    admin = AdminClient({"bootstrap.servers": server})
    for done in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        done.result(20)
    return topic


class Paced:
    """A run at `RATE`: how long until the broker had each message, and until it was received."""

    def __init__(self) -> None:
        self.acks: list[float] = []
        self.arrivals: list[float] = []
        self.began_s = cpu_s()

    async def run(self, send: Callable[[bytes], Any]) -> None:
        """Send `PACED` messages, each with its time before the payload."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        for _ in range(PACED):
            began = time.perf_counter()
            await send(b"%020.9f" % began + PAYLOAD)
            self.acks.append(time.perf_counter() - began)
            due += 1 / RATE
            await asyncio.sleep(max(0.0, due - loop.time()))

    def arrived(self, values: Sequence[bytes]) -> None:
        """Note what was received."""
        now = time.perf_counter()
        self.arrivals += [now - float(value[:20]) for value in values]

    def show(self, name: str) -> None:
        """Print it."""
        cost = (cpu_s() - self.began_s) / PACED * 1e6
        print(
            f"{name:<16} {RATE}/s: sent and received {cost:4.0f} us of CPU a message; confirmed {spread(self.acks)}; ",
            end="",
        )
        print(f"received {spread(self.arrivals)}")


async def confluent(server: str) -> None:
    """confluent-kafka as the bus uses it: a thread polls, and wakes the event loop once for what is there."""
    loop, topic, paced = asyncio.get_running_loop(), fresh(server), Paced()
    producer = Producer({"bootstrap.servers": server, "linger.ms": 0, "enable.idempotence": True})
    consumer = _consumer(server, topic)
    ending, taken = threading.Event(), threading.Event()

    def arrived(values: Sequence[bytes]) -> None:
        paced.arrived(values)
        taken.set()

    def read() -> None:
        while not ending.is_set():
            if (first := consumer.poll(0.2)) is not None:
                taken.clear()
                loop.call_soon_threadsafe(arrived, [its.value() or b"" for its in (first, *consumer.consume(500, 0))])
                taken.wait()

    def send(value: bytes) -> asyncio.Future[None]:
        def work() -> None:
            producer.produce(topic, value)
            producer.flush(5)

        return loop.run_in_executor(None, work)

    reader = threading.Thread(target=read)
    reader.start()
    await asyncio.sleep(1.5)
    paced.began_s = cpu_s()
    await paced.run(send)
    paced.show("confluent-kafka")
    ending.set()
    await asyncio.to_thread(reader.join)
    topic = fresh(server)
    for _ in range(FLOOD):
        while True:
            try:
                producer.produce(topic, PAYLOAD[:200])
                break
            except BufferError:
                producer.poll(0.01)
    producer.flush()
    consumer.assign([TopicPartition(topic, 0, 0)])
    consumer.poll(5)
    began, count = cpu_s(), 1
    while count < FLOOD:
        count += len([its.value() for its in consumer.consume(500, 0.1)])
    print(f"{'confluent-kafka':<16} flood: received {(cpu_s() - began) / FLOOD * 1e6:.1f} us of CPU a message")
    consumer.close()


async def aiokafka(server: str) -> None:
    """aiokafka, which has no threads."""
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
    from aiokafka import TopicPartition as Place

    topic, paced = fresh(server), Paced()
    producer = AIOKafkaProducer(bootstrap_servers=server, enable_idempotence=True)
    consumer = AIOKafkaConsumer(bootstrap_servers=server, enable_auto_commit=False, fetch_max_wait_ms=100)
    await producer.start()
    await consumer.start()
    consumer.assign([Place(topic, 0)])
    await consumer.seek_to_beginning()

    async def read() -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                paced.arrived([its.value for its in records])

    reading = asyncio.create_task(read())
    await asyncio.sleep(1.5)
    paced.began_s = cpu_s()
    await paced.run(lambda value: producer.send_and_wait(topic, value))
    paced.show("aiokafka")
    reading.cancel()
    topic = fresh(server)
    await asyncio.gather(*[await producer.send(topic, PAYLOAD[:200]) for _ in range(FLOOD)])
    consumer.assign([Place(topic, 0)])
    await consumer.seek_to_beginning()
    began, count = cpu_s(), 0
    while count < FLOOD:
        count += sum(map(len, (await consumer.getmany(timeout_ms=200, max_records=500)).values()))
    print(f"{'aiokafka':<16} flood: received {(cpu_s() - began) / FLOOD * 1e6:.1f} us of CPU a message")
    await consumer.stop()
    await producer.stop()


def fencing(server: str) -> None:
    """What a publish to four partitions costs without a transaction, with one each, and with one a second."""
    topic = fresh(server, PARTITIONS)
    for name, each in (("no transaction", 0), ("one a publish", 1), ("one a second", RATE)):
        config: dict[str, Any] = {"bootstrap.servers": server, "linger.ms": 0, "enable.idempotence": True}
        producer = Producer(config | ({"transactional.id": name.replace(" ", "-")} if each else {}))
        producer.list_topics(topic, timeout=5)
        if each:
            producer.init_transactions(30)
        took, began = [], cpu_s()
        for number in range(PACED // 2):
            start = time.perf_counter()
            if each and number % each == 0:
                if number:
                    producer.commit_transaction(10)
                producer.begin_transaction()
            for partition in range(PARTITIONS):
                producer.produce(topic, PAYLOAD, partition=partition)
            producer.flush(5)
            took.append(time.perf_counter() - start)
            time.sleep(0.002)
        cost = (cpu_s() - began) / len(took) * 1e6
        print(f"fencing, {name:<14}: {spread(took)}; {cost:.0f} us of CPU a publish")


async def bus(server: str) -> None:
    """Our own bus: batches of ticks in four partitions, with last values, from one process to itself."""
    writer = open_bus(f"kafka://{server}/bench", BusOptions(partitions=PARTITIONS))
    reader = open_bus(f"kafka://{server}/bench")
    token = await writer.leadership.acquire("bench", "we", 3_600)
    paced = Paced()

    def receive(messages: Sequence[Message]) -> None:
        paced.arrived([payload for _, payload in messages])

    topics = [in_partition("batch.bench", number) for number in range(PARTITIONS)]
    link = await reader.broker.subscribe(topics, receive)
    values = [(f"tick.S{number}", b"x" * 200) for number in range(PER_BATCH)]
    count = 0

    async def send(payload: bytes) -> None:
        nonlocal count
        count += 1
        barrier = ("beat.bench", b"") if count % RATE == 0 else None
        events = [(topics[count % PARTITIONS], payload)]
        await writer.broker.publish(Batch(values=values, events=events, barrier=barrier), token=token)

    paced.began_s = cpu_s()
    await paced.run(send)
    paced.show("bus")
    link.close()
    await asyncio.gather(writer.aclose(), reader.aclose())


def _consumer(server: str, topic: str) -> Consumer:
    config = {"bootstrap.servers": server, "group.id": "bench", "enable.auto.commit": False, "fetch.wait.max.ms": 100}
    consumer = Consumer(config)
    consumer.assign([TopicPartition(topic, 0, 0)])
    return consumer


async def _measure(server: str) -> None:
    await confluent(server)
    if importlib.util.find_spec("aiokafka") is not None:
        await aiokafka(server)
    await asyncio.to_thread(fencing, server)
    await bus(server)


def main() -> int:
    """Start a broker, measure, and print."""
    argparse.ArgumentParser(prog="python -m bench.kafka", description=(__doc__ or "").partition("\n")[0]).parse_args()
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="tickgate-kafka-")))
        port = free_port()
        broker = subprocess.Popen(["sh", str(KAFKA), "run", str(folder), str(port), str(free_port())])
        exits.callback(broker.wait)
        exits.callback(broker.kill)
        while not asyncio.run(is_ready(Address("127.0.0.1", port, "port"), None)):
            if broker.poll() is not None:
                return 1
            time.sleep(0.1)
        asyncio.run(_measure(f"127.0.0.1:{port}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
