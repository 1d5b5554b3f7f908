"""One process's access to a Kafka cluster: makes producers and consumers, and looks after the topics.

librdkafka connects again by itself, and its calls block, so they run in threads here.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from market.bus.errors import BusDownError
from market.bus.kafka.connection import topics
from market.bus.kafka.connection.faults import explained
from market.bus.kafka.connection.url import parse_kafka_url
from market.bus.secret_file import SecretFileError

T = TypeVar("T")

ANSWER_TIMEOUT_S: Final = 2.0
"""Well below the three seconds after which a gateway gives up a link."""
_FENCE_TIMEOUT_S: Final = 60.0
"""A poller that is frozen for this long has its transaction ended by the brokers."""
_REMEMBER_S: Final = 30.0
"""An error that explains a later one is not older than this."""
_UNREAL: Final = frozenset((KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN))
"""Errors for which librdkafka had another reason before."""

# What librdkafka logs comes as an error too, and then it is said once, in our words.
_nobody: Final = logging.getLogger(f"{__name__}.librdkafka")
_nobody.disabled = True


class KafkaClient:
    """Makes clients of librdkafka. Nothing is connected before one is made."""

    def __init__(self, url: str) -> None:
        """Read ``url``.

        Raises:
            BusUrlError: the URL, or a part of it, cannot be read.
        """
        self.url = parse_kafka_url(url)
        self.name = f"kafka {self.url.place}"
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kafka")
        self._admin: AdminClient | None = None
        self._reached = False
        """Whether a broker has ever answered."""
        self._reason: tuple[float, KafkaError] | None = None
        """The newest error that librdkafka told of by itself, and when."""

    async def run(self, work: Callable[[], T], threads: Executor | None = None, topic: str = "") -> T:
        """Do ``work``, which blocks, in a thread.

        Raises:
            BusDownError: it raised a `KafkaException`; or it raised this.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(threads or self._threads, work)
        except KafkaException as failure:
            raise self.down(failure, topic) from None

    def down(self, failure: KafkaException | KafkaError, topic: str = "") -> BusDownError:
        """The error to raise after ``failure``."""
        error: KafkaError = failure.args[0] if isinstance(failure, KafkaException) else failure
        if error.code() in _UNREAL and self._reason and time.monotonic() - self._reason[0] < _REMEMBER_S:
            error = self._reason[1]
        return BusDownError(explained(error, self.url, topic, reached=self._reached))

    async def partitions(self) -> int:
        """The number of partitions of ``ticks``.

        Raises:
            BusDownError: a topic is missing, or we may not use it, or there is no answer.
        """
        count = await self.run(lambda: topics.require(self.admin(), self.url, timeout_s=ANSWER_TIMEOUT_S))
        self._reached = True
        return count

    async def ensure_topics(self, partitions: int) -> None:
        """Create topics that are missing, and see that they can be used.

        Raises:
            BusDownError: they cannot, or there is no answer.
        """
        await self.run(lambda: topics.ensure(self.admin(), self.url, partitions, timeout_s=ANSWER_TIMEOUT_S))
        self._reached = True

    def admin(self) -> AdminClient:
        """The client for questions; for threads of `run`. It stays, and has the password that is in the file now."""
        config = self._common()
        if self._admin is None:
            self._admin = AdminClient(config, logger=_nobody)
        elif self.url.password_file and self.url.sasl:
            self._admin.set_sasl_credentials(config["sasl.username"], config["sasl.password"])
        return self._admin

    def producer(self, told: Callable[[KafkaError], None], transactional_id: str | None = None) -> Producer:
        """A producer, whose errors of its own go to ``told`` too.

        With a ``transactional_id`` it fences others of that name.
        """

        def both(error: KafkaError) -> None:
            self.told(error)
            told(error)

        config: dict[str, Any] = {
            **self._common(),
            "error_cb": both,
            "enable.idempotence": True,
            # A record waits for others only while the connection is busy.
            "linger.ms": 0,
            # Last values repeat what is in the batch before them.
            "compression.type": "lz4",
            "message.timeout.ms": round(ANSWER_TIMEOUT_S * 1_000),
            "retry.backoff.ms": 20,
            "retry.backoff.max.ms": 200,
        }
        if transactional_id is not None:
            config["transactional.id"] = transactional_id
            config["transaction.timeout.ms"] = round(_FENCE_TIMEOUT_S * 1_000)
        return Producer(config, logger=_nobody)

    def consumer(self, **config: Any) -> Consumer:
        """A consumer without a group: it is assigned partitions and offsets, and commits none."""
        return Consumer(
            {
                **self._common(),
                # librdkafka demands a name. No group is joined under it.
                "group.id": self.url.client_id,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                # What was published counts; transactions only keep old leaders out.
                "isolation.level": "read_uncommitted",
                # What is gone by retention is gone: go on with the oldest there is.
                "auto.offset.reset": "earliest",
                # A question behind a waiting fetch waits for it.
                "fetch.wait.max.ms": 100,
                "fetch.error.backoff.ms": 100,
                "queued.max.messages.kbytes": 16_384,
                **config,
            },
            logger=_nobody,
        )

    def close_consumer(self, consumer: Consumer) -> None:
        """Close ``consumer``, which is of no use, without waiting for that."""
        self._threads.submit(consumer.close)

    async def aclose(self) -> None:
        """Take on no more work; what runs ends by itself."""
        self._threads.shutdown(wait=False)
        self._admin = None

    def _common(self) -> dict[str, Any]:
        try:
            config = self.url.config()
        except SecretFileError as error:
            # It may be there again in a moment.
            raise BusDownError(f"the file of the password for {self.url.place} {error}") from None
        return {
            **config,
            "error_cb": self.told,
            "allow.auto.create.topics": False,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1_000,
            "socket.connection.setup.timeout.ms": 2_000,
            # A broker that is frozen is given up after this.
            "socket.timeout.ms": 5_000,
            "socket.nagle.disable": True,
            "topic.metadata.refresh.interval.ms": 5_000,
        }

    def told(self, error: KafkaError) -> None:
        """Remember ``error``: it may be why another call fails. Any thread may call this."""
        if error.code() not in _UNREAL or self._reason is None or time.monotonic() - self._reason[0] > _REMEMBER_S:
            self._reason = time.monotonic(), error
