"""What is said of Kafka as the bus: a real broker, and none."""

import re
from pathlib import Path

import pytest

from deploy.checks.bus import check_bus
from deploy.checks.finding import Finding
from deploy.checks.rights import Program, article
from deploy.ports import free_port
from gateway.settings import Settings
from market.bus import Batch, BusOptions, open_bus
from market.bus.kafka.connection.client import KafkaClient
from market.wire.topics import heartbeat_topic
from poller.publishing.leadership import lease_of
from poller.settings import PollerSettings
from tests.kafka import fresh_url
from tests.valkey import Valkey

TOKENS = {"AUTH_MODE": "jwt", "JWT_SECRET": "x" * 40}


ROOT = Path(__file__).resolve().parent.parent.parent.parent
PROGRAMS: tuple[Program, ...] = ("poller", "gateway", "operator")


async def check(url: str, program: Program | None = None, **variables: str) -> list[Finding]:
    """Check as a poller and a gateway with this bus, or as one program."""
    environ = {"BUS_URL": url, **variables}
    return await check_bus(environ, [PollerSettings.from_environ(environ)], Settings.from_environ(environ), program)


def documented(program: str, valkey: Valkey) -> str:
    """Give a user of the store what the documents say; its URL."""
    for page in ("kafka.md", "access.md"):
        for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines():
            if line.startswith(f"ACL SETUSER {program} "):
                valkey.command(*(">sesame" if word.startswith(">") else word for word in words_of(line)))
                return f"redis://{program}:sesame@127.0.0.1:{valkey.port}/0"
    raise AssertionError(program)


def words_of(line: str) -> list[str]:
    """The words of a command; what is in brackets is one."""
    return re.findall(r"\([^)]*\)|\S+", line)


async def test_brokers_topics_and_store(kafka_port: int, valkey: Valkey) -> None:
    """Nothing is created by looking; afterwards all is well."""
    url = fresh_url(kafka_port)
    for _ in range(2):
        bus, topics, store, rights = await check(url, STORE_URL=valkey.url)
        assert {"ok"} == {its.mark for its in (bus, topics, store, rights)}
        assert "Kafka with 1 broker is reached" in bus.text
        assert "a poller creates what is missing" in topics.text
        assert f"redis 127.0.0.1:{valkey.port} db 0: Valkey" in store.text
        assert ("store", "store") == (store.subject, rights.subject)
    await KafkaClient(url).ensure_topics(1)
    _, topics, *_ = await check(url, STORE_URL=valkey.url)
    assert topics.text.endswith(".ticks has 1 partition")


async def test_the_rights_on_the_store_that_the_documents_name_suffice(kafka_port: int, valkey: Valkey) -> None:
    """Each program's user may do what it needs there, and the user of a Redis that is the bus may not."""
    url = fresh_url(kafka_port)
    for program in PROGRAMS:
        found = await check(url, program, STORE_URL=documented(program, valkey), **TOKENS)
        told = [its for its in found if its.subject == "store" and "may do" in its.text]
        assert [f"at the store, user {program} may do all that {article(program)} needs"] == [its.text for its in told]
    access = (ROOT / "docs" / "access.md").read_text(encoding="utf-8")
    line = next(line for line in access.splitlines() if line.startswith("ACL SETUSER poller "))
    valkey.command(*(">sesame" if word.startswith(">") else word for word in words_of(line)))
    *_, lacking, _ = await check(url, "poller", STORE_URL=f"redis://poller:sesame@127.0.0.1:{valkey.port}/0")
    assert ("wrong", "store") == (lacking.mark, lacking.subject)
    assert "PUBLISH on channel lease.checked" in lacking.text
    assert "ACL SETUSER poller &*#lease.* &lease.*" == lacking.fix


@pytest.mark.parametrize("program", ["poller", "gateway", "operator"])
async def test_each_right_on_the_store_that_is_missing_is_named(
    kafka_port: int, valkey: Valkey, program: Program
) -> None:
    """With the command that gives it."""
    url = fresh_url(kafka_port)
    valkey.command("ACL", "SETUSER", "limited", "reset", "on", ">sesame", "+eval")
    limited = f"redis://limited:sesame@127.0.0.1:{valkey.port}/0"
    # A command may lack its key too, which shows once it may be used at all.
    for _ in range(3):
        found = await check(url, program, STORE_URL=limited, **TOKENS)
        rights = [its for its in found if its.subject == "store" and "may" in its.text]
        for its in rights:
            if its.fix:
                valkey.command(*its.fix.split())
    assert ["ok"] == [its.mark for its in rights]


async def test_programs_work_with_the_documented_rights_on_the_store(kafka_port: int, valkey: Valkey) -> None:
    """A poller leads, publishes and steps down; a gateway keeps tickets; both are seen. The server refuses nothing."""
    url = fresh_url(kafka_port)
    valkey.command("ACL", "LOG", "RESET")
    poller = open_bus(url, BusOptions(store_url=documented("poller", valkey)))
    gateway = open_bus(url, BusOptions(store_url=documented("gateway", valkey)))
    try:
        lease = lease_of("binance")
        await poller.leadership.stand_by(lease, "next", 2.0)
        assert "next" == await poller.leadership.take_stand_by(lease)
        token = await poller.leadership.acquire(lease, "me", 20.0)
        assert token is not None
        await poller.broker.publish(Batch(barrier=(heartbeat_topic("binance"), b"{}")), token=token)
        await poller.leadership.release(token)
        await gateway.tickets.put("ticket", b"grant", 20.0)
        assert b"grant" == await gateway.tickets.take("ticket")
        for bus in (poller, gateway):
            await bus.presence.announce("name", b"{}", 20.0)
    finally:
        await poller.aclose()
        await gateway.aclose()
    assert [] == valkey.command("ACL", "LOG")


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
    *_, store = await check(fresh_url(kafka_port), None, **variables)
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
    bus, secrecy, *_ = await check(f"kafka://desk:sesame@127.0.0.1:{port}?sasl=plain")
    assert "wrong" == bus.mark
    assert f"kafka 127.0.0.1:{port} cannot be reached: Connect to" in bus.text
    assert "without TLS" in secrecy.text
    assert "sesame" not in bus.line + secrecy.line
