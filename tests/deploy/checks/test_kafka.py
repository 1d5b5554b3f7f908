"""What is said of Kafka as the bus: a real broker, and none."""

import pytest

from deploy.checks.bus import check_bus
from deploy.checks.finding import Finding
from deploy.ports import free_port
from gateway.settings import Settings
from market.bus.kafka.connection.client import KafkaClient
from poller.settings import PollerSettings
from tests.kafka import fresh_url
from tests.valkey import Valkey

TOKENS = {"AUTH_MODE": "jwt", "JWT_SECRET": "x" * 40}


async def check(url: str, **variables: str) -> list[Finding]:
    """Check as a poller and a gateway with this bus."""
    environ = {"BUS_URL": url, **variables}
    return await check_bus(environ, [PollerSettings.from_environ(environ)], Settings.from_environ(environ))


async def test_brokers_topics_and_store(kafka_port: int, valkey: Valkey) -> None:
    """Nothing is created by looking; afterwards all is well."""
    url = fresh_url(kafka_port)
    for _ in range(2):
        bus, topics, store = await check(url, STORE_URL=valkey.url)
        assert {"ok"} == {bus.mark, topics.mark, store.mark}
        assert "Kafka with 1 broker is reached" in bus.text
        assert "a poller creates what is missing" in topics.text
        assert f"redis 127.0.0.1:{valkey.port} db 0 is reached" in store.text
    await KafkaClient(url).ensure_topics(1)
    _, topics, _ = await check(url, STORE_URL=valkey.url)
    assert topics.text.endswith(".ticks has 1 partition")


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({}, "warning no second poller can take over"),
        (TOKENS, "warning no second poller can take over, and there are no tickets"),
        ({"STORE_URL": "redis://127.0.0.1:1"}, "wrong redis 127.0.0.1:1"),
    ],
)
async def test_what_there_is_not_without_a_store(kafka_port: int, variables: dict[str, str], says: str) -> None:
    """It is a warning where it may be meant, and an error where it cannot be."""
    *_, store = await check(fresh_url(kafka_port), **variables)
    mark, _, words = says.partition(" ")
    assert mark == store.mark
    assert words in store.text
    assert store.fix


async def test_partitions_that_do_not_fit(kafka_port: int) -> None:
    """Both numbers, and the one to set; and topics that nobody will create."""
    url = fresh_url(kafka_port)
    missing = [its for its in await check(f"{url}?create=false") if its.subject == "topics"]
    assert ["wrong"] == [its.mark for its in missing]
    await KafkaClient(url).ensure_topics(4)
    wrong = [its for its in await check(url, BUS_PARTITIONS="2") if its.mark == "wrong"]
    assert ["set BUS_PARTITIONS=4, or add partitions"] == [its.fix for its in wrong]


async def test_a_broker_that_is_not_there() -> None:
    """The place, why, and that a password would have been readable."""
    port = free_port()
    bus, secrecy, _ = await check(f"kafka://desk:sesame@127.0.0.1:{port}?sasl=plain")
    assert "wrong" == bus.mark
    assert f"kafka 127.0.0.1:{port} cannot be reached: Connect to" in bus.text
    assert "without TLS" in secrecy.text
    assert "sesame" not in bus.line + secrecy.line
