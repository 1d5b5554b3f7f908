"""Errors of Kafka in words."""

import asyncio

import pytest
from confluent_kafka import KafkaError

from market.bus.errors import BusDownError
from market.bus.kafka.connection import client as connection
from market.bus.kafka.connection import topics
from market.bus.kafka.connection.client import KafkaClient
from market.bus.kafka.connection.faults import explained
from market.bus.kafka.connection.url import KafkaUrl, parse_kafka_url
from tests.serving import serving

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


PLAIN, TLS = parse_kafka_url("kafka://h:1"), parse_kafka_url("kafka://h:1?tls=true")
APIVERSION = (
    "h:1/bootstrap: Disconnected: requesting ApiVersion: might be caused by incorrect security.protocol configuration"
    " (connecting to a SSL listener?) or broker version is < 0.10 (see api.version.request)"
    " (after 1ms in state APIVERSION_QUERY)"
)
SASL = (
    "h:1/bootstrap: Disconnected: verify that security.protocol is correctly configured, broker might require SASL"
    " authentication (after 308ms in state UP)"
)
HANDSHAKE = (
    "ssl://h:1/bootstrap: SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?"
    " (after 9ms in state SSL_HANDSHAKE)"
)
ENDS = [
    (PLAIN, KafkaError(KafkaError._TRANSPORT, APIVERSION), ""),
    (PLAIN, KafkaError(KafkaError._TRANSPORT, SASL), ""),
    (TLS, KafkaError(KafkaError._TRANSPORT, HANDSHAKE), "; where it does not speak TLS, leave tls=true out of BUS_URL"),
    (TLS, KafkaError(KafkaError._SSL, HANDSHAKE), "; where it does not speak TLS, leave tls=true out of BUS_URL"),
]
"""What librdkafka guesses where a connection ends before it is usable: in words of its own settings."""


@pytest.mark.parametrize(("url", "error", "hint"), ENDS)
def test_the_end_of_a_connection_says_nothing_of_tls_where_it_worked_before(
    url: KafkaUrl, error: KafkaError, hint: str
) -> None:
    """After a partition the URL is right; where no connection was ever usable, the hint names what is in the URL."""
    begun = explained(error, url)
    assert begun == explained(error, url, reached=True) + hint
    said = explained(error, url, reached=True)
    assert said.startswith("h:1 cannot be reached: ")
    assert said.endswith("Disconnected")


def test_other_faults_of_tls_are_told_at_any_time() -> None:
    """A certificate that is not trusted is one after a partition too."""
    error = KafkaError(KafkaError._SSL, "SSL handshake failed: certificate verify failed")
    assert explained(error, TLS) == explained(error, TLS, reached=True)
    assert "TLS with h:1 failed: " in explained(error, TLS)


async def test_a_client_that_was_answered_once_gives_no_such_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ends each connection: before an answer of Kafka the hint is there, after one it is not."""

    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with serving(end) as port:
        client = KafkaClient(f"kafka://127.0.0.1:{port}?tls=true")
        with pytest.raises(BusDownError, match="where it does not speak TLS, leave tls=true out of BUS_URL"):
            await client.partitions()
        with monkeypatch.context() as patch:
            patch.setattr(topics, "require", lambda *_, **__: 1)
            assert await client.partitions() == 1
        # The reason is known by now.
        monkeypatch.setattr(connection, "ANSWER_TIMEOUT_S", 0.1)
        with pytest.raises(BusDownError, match="cannot be reached: ") as told:
            await client.partitions()
        assert "BUS_URL" not in str(told.value)
        assert "listener" not in str(told.value)
        await client.aclose()
