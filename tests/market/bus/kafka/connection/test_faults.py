"""Errors of Kafka in words."""

import pytest
from confluent_kafka import KafkaError

from market.bus.kafka.connection.faults import explained
from market.bus.kafka.connection.url import parse_kafka_url

URL = parse_kafka_url("kafka://desk:sesame@h:1/p?sasl=plain")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "does not let user desk use topic p.ticks; allow it"),
        (
            KafkaError.CLUSTER_AUTHORIZATION_FAILED,
            "does not let user desk create topics; create topic p.ticks yourself",
        ),
        (KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "transactional ids that begin with p.tickgate.; allow it"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, "has no topic p.ticks; a poller creates it"),
        (KafkaError.INVALID_REPLICATION_FACTOR, "too few brokers for topic p.ticks; .* replication=1"),
        (KafkaError.SASL_AUTHENTICATION_FAILED, r"refused user or password \(Broker: SASL .*\); see BUS_URL"),
        (KafkaError._SSL, "TLS with h:1/p failed: .*; see tls and ssl_ca_certs in BUS_URL"),
        (KafkaError._TIMED_OUT, "h:1/p did not answer in time"),
        (KafkaError._TRANSPORT, "h:1/p cannot be reached: "),
        (KafkaError.NOT_ENOUGH_REPLICAS, "min.insync.replicas asks for; are all brokers up"),
        (KafkaError.RECORD_LIST_TOO_LARGE, "h:1/p: Broker: "),
    ],
)
def test_each_says_where_and_what_helps(code: int, says: str) -> None:
    """The place, the topic, the user, and the setting."""
    text = explained(KafkaError(code), URL, URL.ticks)
    assert text.startswith(("h:1/p", "TLS with h:1/p"))
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(text)


def test_the_words_of_librdkafka_are_tidied() -> None:
    """Without the name of its handle, and how long it took."""
    said = "localhost:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)"
    text = explained(KafkaError(KafkaError._TRANSPORT, said), URL)
    assert "h:1/p cannot be reached: Connect to ipv4#127.0.0.1:1 failed: Connection refused" == text


def test_a_password_is_not_repeated() -> None:
    """Whoever says it."""
    assert "sesame" not in explained(KafkaError(KafkaError._AUTHENTICATION, "no sesame here"), URL)
