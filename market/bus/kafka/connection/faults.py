"""What went wrong between us and Kafka, in words, with the fix if there is one, without secrets."""

import contextlib
import re
from collections.abc import Iterator
from typing import Final, Protocol

from confluent_kafka import KafkaError, KafkaException

from market.bus.kafka.connection.url import KafkaUrl

FENCED: Final = frozenset(
    (
        KafkaError._FENCED,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.INVALID_PRODUCER_ID_MAPPING,
    )
)
"""Another producer has the same name now."""
GONE: Final = frozenset(
    (
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,
        KafkaError._FATAL,
    )
)
"""No reading goes on after these without somebody's help."""

_LONGEST: Final = 300
_GUESS: Final = re.compile(
    r": (?:requesting ApiVersion: )?(?:might be caused by|verify that security\.protocol|connecting to a PLAINTEXT).*"
)
"""What librdkafka adds to the end of a connection: a guess, and in words of its own settings."""


class Pollable(Protocol):
    """A producer, a consumer or an admin client."""

    def poll(self, timeout: float) -> object:
        """Have callbacks called."""


@contextlib.contextmanager
def with_reasons(handle: Pollable) -> Iterator[None]:
    """If a question to ``handle`` fails within the block, have its error callback called: it has heard why."""
    try:
        yield
    except KafkaException:
        handle.poll(0)
        raise


def explained(error: KafkaError, url: KafkaUrl, topic: str = "", *, reached: bool = False) -> str:
    """One line about ``error``, which may be about ``topic``.

    ``reached`` says whether a broker has answered before. Then the end of a connection is the fault of the broker or of
    the network: a hint at TLS would be wrong.
    """
    code, place = error.code(), url.place
    its = f"topic {topic}" if topic else "a topic"
    user = f"user {url.username}" if url.username else "an unnamed user"
    if "Disconnected" in error.str() and code in (KafkaError._SSL, KafkaError._TRANSPORT):
        plain = "" if reached or url.tls is None else "; where it does not speak TLS, leave tls=true out of BUS_URL"
        return f"{place} cannot be reached: {_GUESS.sub('', _said(error, url))}{plain}"
    match code:
        case KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return f"{place} does not let {user} use {its}; allow it (kafka-acls.sh --add), or name another in BUS_URL"
        case KafkaError.CLUSTER_AUTHORIZATION_FAILED:
            return f"{place} does not let {user} create topics; create {its} yourself (docs/kafka.md), or allow it"
        case KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
            return f"{place} does not let {user} use transactional ids that begin with {url.prefix}tickgate.; allow it"
        case KafkaError.UNKNOWN_TOPIC_OR_PART | KafkaError._UNKNOWN_TOPIC | KafkaError._UNKNOWN_PARTITION:
            return f"{place} has no {its}; a poller creates it, or create it yourself (docs/kafka.md)"
        case KafkaError.INVALID_REPLICATION_FACTOR:
            return f"{place} has too few brokers for {its}; name fewer copies in BUS_URL, as replication=1"
        case KafkaError._AUTHENTICATION | KafkaError.SASL_AUTHENTICATION_FAILED:
            return f"{place} refused user or password ({_said(error, url)}); see BUS_URL"
        case KafkaError._SSL:
            return f"TLS with {place} failed: {_said(error, url)}; see tls and ssl_ca_certs in BUS_URL"
        case KafkaError._TIMED_OUT | KafkaError._MSG_TIMED_OUT | KafkaError.REQUEST_TIMED_OUT:
            return f"{place} did not answer in time"
        case KafkaError._ALL_BROKERS_DOWN | KafkaError._TRANSPORT:
            return f"{place} cannot be reached: {_said(error, url)}"
        case KafkaError.NOT_ENOUGH_REPLICAS | KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
            return f"{place} has fewer copies of {its} in step than min.insync.replicas asks for; are all brokers up?"
    return f"{place}: {_said(error, url)}"


def _said(error: KafkaError, url: KafkaUrl) -> str:
    text = " ".join(error.str().split())
    if url.password and len(url.password) >= 4 and url.password in text:
        return "the answer is not shown, as it repeats the password"
    # librdkafka begins with the name of its handle, and ends with how long it took.
    text = re.sub(r"^(?:\S+/(?:bootstrap|[0-9]+): )", "", text)
    text = re.sub(r" \(after [0-9]+ms in state [A-Z_]+[^)]*\)", "", text)
    return text[:_LONGEST].rstrip(".")
