"""The two topics: whether they can be used, and creating them. This blocks; `client` runs it in a thread."""

import time
from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import TopicMetadata
from confluent_kafka.cimpl import NewTopic

from market.bus.errors import BusDownError
from market.bus.kafka.connection.faults import explained, with_reasons
from market.bus.kafka.connection.url import KafkaUrl

_LOOK_S: Final = 0.02


def settings(url: KafkaUrl) -> dict[str, dict[str, str]]:
    """Topic → its settings, as we create it."""
    return {
        url.ticks: {"cleanup.policy": "delete", "retention.ms": str(url.retention_s * 1_000)},
        url.last: {
            "cleanup.policy": "compact",
            # A new reader reads all of it, so what is old goes soon: only closed segments are compacted.
            "segment.ms": "30000",
            "segment.bytes": str(8 << 20),
            "min.cleanable.dirty.ratio": "0.1",
            "delete.retention.ms": "60000",
        },
    }


def look(admin: AdminClient, url: KafkaUrl, *, timeout_s: float) -> dict[str, int]:
    """Topic → the number of its partitions, of those of our topics that exist.

    Raises:
        BusDownError: no answer, or we may not use one of them.
        KafkaException: no answer.
    """
    found: dict[str, int] = {}
    for topic in (url.ticks, url.last):
        with with_reasons(admin):
            metadata: TopicMetadata = admin.list_topics(topic, timeout=timeout_s).topics[topic]
        error = metadata.error
        if error is None and all(its.leader >= 0 for its in metadata.partitions.values()):
            found[topic] = len(metadata.partitions)
        elif error is None or error.code() == KafkaError.LEADER_NOT_AVAILABLE:
            raise BusDownError(f"{url.place} has partitions of topic {topic} without a leader; are all brokers up?")
        elif error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise BusDownError(explained(error, url, topic))
    return found


def require(admin: AdminClient, url: KafkaUrl, *, timeout_s: float) -> int:
    """The number of partitions of ``ticks``, for who only reads.

    Raises:
        BusDownError: a topic is missing, or we may not use it.
        KafkaException: no answer.
    """
    found = look(admin, url, timeout_s=timeout_s)
    for topic in (url.ticks, url.last):
        if topic not in found:
            text = f"{url.place} has no topic {topic}; a poller creates it, or create it yourself (docs/kafka.md)"
            raise BusDownError(text)
    return found[url.ticks]


def ensure(admin: AdminClient, url: KafkaUrl, partitions: int, *, timeout_s: float) -> None:
    """Create what is missing, and see that the topics are as a publisher needs them.

    Raises:
        BusDownError: that is not so. The message says what to do.
        KafkaException: no answer.
    """
    until = time.monotonic() + timeout_s
    wanted = {url.ticks: partitions, url.last: 1}
    found = look(admin, url, timeout_s=timeout_s)
    if missing := {topic: count for topic, count in wanted.items() if topic not in found}:
        if not url.create:
            text = (
                f"{url.place} has no topic {' and no topic '.join(missing)}, and BUS_URL says create=false; create it"
            )
            raise BusDownError(f"{text} yourself (docs/kafka.md), or remove create=false")
        _create(admin, url, missing, timeout_s)
        while True:
            try:
                found = look(admin, url, timeout_s=timeout_s)
            except BusDownError:
                # New partitions have no leader yet.
                if time.monotonic() > until:
                    raise
            if found.keys() == wanted.keys() or time.monotonic() > until:
                break
            time.sleep(_LOOK_S)
    _require_counts(found, wanted, url)


def _require_counts(found: Mapping[str, int], wanted: Mapping[str, int], url: KafkaUrl) -> None:
    for topic, count in wanted.items():
        has = found.get(topic, 0)
        if has == count:
            continue
        if topic == url.last:
            raise BusDownError(f"topic {topic} at {url.place} has {has} partitions, and needs 1; delete it")
        more = f", or add partitions (kafka-topics.sh --alter --topic {topic} --partitions {count})" * (has < count)
        raise BusDownError(
            f"topic {topic} at {url.place} has {has} partitions, and BUS_PARTITIONS is {count}; set it to {has}{more}"
        )


def _create(admin: AdminClient, url: KafkaUrl, missing: Mapping[str, int], timeout_s: float) -> None:
    config: dict[str, dict[str, Any]] = settings(url)
    topics = [
        NewTopic(topic, num_partitions=count, replication_factor=url.replication, config=config[topic])
        for topic, count in missing.items()
    ]
    for topic, done in admin.create_topics(topics, operation_timeout=timeout_s, request_timeout=timeout_s).items():
        try:
            done.result(timeout_s + 1)
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                whom = f"user {url.username}" if url.username else "an unnamed user"
                text = f"{url.place} has no topic {topic}, and does not let {whom} create it"
                raise BusDownError(f"{text}; create it yourself (docs/kafka.md), or allow it") from None
            # Another poller may have been quicker.
            if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise BusDownError(explained(error, url, topic)) from None
