"""The password of the bus changes on real servers, then in its file: running programs come back by themselves."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from deploy.ports import free_port
from deploy.process.processes import Process
from tests.client import Client, connected
from tests.integration.stacks import answers, environment, eventually
from tests.kafka import KafkaNode, require_kafka
from tests.sentinel import Sentinels, Server
from tests.sentinel import running as running_sentinels
from tests.valkey import Valkey
from tests.valkey_cluster import ValkeyCluster

pytestmark = pytest.mark.integration

USER = "programs"
FIRST, SECOND = "the-first-sesame", "the-second-sesame"
"""Of data servers and of brokers."""
OF_SENTINELS, OF_SENTINELS_LATER = "a-sesame-of-sentinels", "another-sesame-of-sentinels"
MARK = "sesame"
"""In every password of this test."""
REFUSED = "refused user or password"
ALLOWED = ("~*", "&*", "+@all")
COVERED = ("gateway", "poller", "market")


class File:
    """A file with a password, which is replaced at once, as orchestrators do it."""

    def __init__(self, path: Path, password: str) -> None:
        self.path = path
        self.write(password)

    @property
    def quoted(self) -> str:
        """As the value of an option of a URL."""
        return quote(str(self.path), safe="")

    def write(self, password: str) -> None:
        """Put another one in its place."""
        new = self.path.with_suffix(".new")
        new.write_text(f"{password}\n", encoding="ascii")
        new.replace(self.path)


class Programs:
    """A poller and a gateway that run, and a client of it."""

    def __init__(self, bus_url: str, **variables: str) -> None:
        self.port = free_port()
        self.lines: dict[str, list[str]] = {"poller": [], "gateway": []}
        env = environment(BUS_URL=bus_url, GATEWAY_PORT=str(self.port), LOG_LEVEL="DEBUG", **variables)
        self.processes = [
            Process(name, (sys.executable, "-m", name), env=env, say=lambda name, line: self.lines[name].append(line))
            for name in self.lines
        ]

    async def all_said(self, *words: str) -> None:
        """Wait until each program has, for each of these, a line with it from now on that everybody sees."""
        begin = {name: len(lines) for name, lines in self.lines.items()}

        async def it_is_so() -> bool:
            later = [
                [line for line in lines[begin[name] :] if "DEBUG" not in line] for name, lines in self.lines.items()
            ]
            return all(any(word in line for line in lines) for lines in later for word in words)

        try:
            await eventually(it_is_so, 90)
        except TimeoutError:
            raise AssertionError(self.lines) from None

    async def more(self, client: Client, count: int = 3) -> None:
        """Wait for prices that the client has not had yet."""
        wanted = len(client.prices["BTCUSDT"]) + count
        await client.until(lambda client: len(client.prices["BTCUSDT"]) >= wanted, 40)


@asynccontextmanager
async def serving(programs: Programs) -> AsyncIterator[Client]:
    """A client that hears prices. At the end both programs still run, and neither has said a password."""
    try:
        for process in programs.processes:
            await process.start()
        pids = [process.pids for process in programs.processes]
        await answers(f"http://127.0.0.1:{programs.port}/readyz", 200)
        async with connected(f"ws://127.0.0.1:{programs.port}/ws") as client:
            await client.subscribe("BTCUSDT")
            await programs.more(client)
            yield client
        assert pids == [process.pids for process in programs.processes]
        assert all(process.running for process in programs.processes)
    finally:
        for process in programs.processes:
            await process.stop(10)
    said = [line for lines in programs.lines.values() for line in lines]
    assert said
    assert [] == [line for line in said if MARK in line]


def give(command: Callable[..., object], password: str) -> None:
    """Create the user with this password, or change it and cut its connections."""
    command("ACL", "SETUSER", USER, "reset", "on", f">{password}", *ALLOWED)
    command("CLIENT", "KILL", "USER", USER)


async def changed(programs: Programs, client: Client, give_second: Callable[[], object], *files: File) -> None:
    """Change the password on the servers, and in the files when both programs were refused."""
    refused = asyncio.create_task(programs.all_said(REFUSED))
    await asyncio.sleep(0)
    await asyncio.to_thread(give_second)
    await refused
    for file in files:
        file.write(SECOND)
    await programs.more(client)


@pytest.mark.long(*COVERED)
async def test_of_one_server(valkey: Valkey, tmp_path: Path) -> None:
    """`BUS_PASSWORD_FILE`, as an orchestrator mounts it."""
    file = File(tmp_path / "bus", FIRST)
    give(valkey.command, FIRST)
    url = f"redis://{USER}@127.0.0.1:{valkey.port}/0"
    programs = Programs(url, BUS_PASSWORD_FILE=str(file.path))
    async with serving(programs) as client:
        await changed(programs, client, lambda: give(valkey.command, SECOND), file)


async def test_of_a_cluster(valkey_cluster: ValkeyCluster, tmp_path: Path) -> None:
    """Every node has another one; the programs find all of them again."""
    file = File(tmp_path / "bus", FIRST)

    def give_all(password: str) -> None:
        for node in valkey_cluster.nodes:
            give(node.command, password)

    give_all(FIRST)
    url = valkey_cluster.url.replace("://", f"://{USER}@")
    programs = Programs(url, BUS_PASSWORD_FILE=str(file.path), BUS_PARTITIONS="3")
    try:
        async with serving(programs) as client:
            await changed(programs, client, lambda: give_all(SECOND), file)
    finally:
        for node in valkey_cluster.nodes:
            node.command("ACL", "DELUSER", USER)


@pytest.mark.long(*COVERED)
async def test_of_sentinels_and_of_their_servers(tmp_path: Path) -> None:
    """First that of the servers, then that of the Sentinels: a failover after that is followed."""
    server_file, sentinel_file = File(tmp_path / "bus", FIRST), File(tmp_path / "sentinels", OF_SENTINELS)
    with running_sentinels(Sentinels(tmp_path)) as its:

        def give_all(servers: list[Server], password: str) -> None:
            for server in servers:
                give(server.command, password)

        give_all(its.servers, FIRST)
        give_all(its.sentinels, OF_SENTINELS)
        url = its.url.replace("://", f"://{USER}@")
        url += f"?sentinel_username={USER}&sentinel_password_file={sentinel_file.quoted}"
        programs = Programs(url, BUS_PASSWORD_FILE=str(server_file.path))
        async with serving(programs) as client:
            await changed(programs, client, lambda: give_all(its.servers, SECOND), server_file)
            refusals = [f"Sentinel {sentinel.address} {REFUSED}" for sentinel in its.sentinels]
            refused = asyncio.create_task(programs.all_said(*refusals))
            await asyncio.sleep(0)
            await asyncio.to_thread(give_all, its.sentinels, OF_SENTINELS_LATER)
            await refused
            # What they said before still holds.
            await programs.more(client)
            sentinel_file.write(OF_SENTINELS_LATER)
            before = its.primary()
            followed = asyncio.create_task(programs.all_said("(epoch 1)"))
            await asyncio.sleep(0)
            its.fail_over()
            await eventually(lambda: asyncio.to_thread(lambda: its.primary() is not before), 30)
            await followed
            await programs.more(client)


@pytest.fixture
def broker(tmp_path: Path) -> KafkaNode:
    """One that knows users by SCRAM, without TLS, not started yet."""
    require_kafka()
    port, controller = free_port(), free_port()
    folder = tmp_path / "broker"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule"
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"CLIENTS://127.0.0.1:{port}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,CLIENTS:SASL_PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "CLIENTS",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-256",
        "sasl.enabled.mechanisms": "SCRAM-SHA-256",
        "listener.name.clients.scram-sha-256.sasl.jaas.config": (
            f'{scram} required username="admin" password="{FIRST}";'
        ),
        "auto.create.topics.enable": "false",
        "offsets.topic.num.partitions": 1,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "log.dirs": folder / "log",
        "log.cleaner.dedupe.buffer.size": 4_194_304,
    }
    users = "\n".join(f"--add-scram\nSCRAM-SHA-256=[name={user},password={FIRST}]" for user in ("admin", USER))
    return KafkaNode(
        folder, port, properties="".join(f"{name}={value}\n" for name, value in settings.items()), storage=users
    )


def change_scram(broker: KafkaNode) -> None:
    """Give the user its second password, and start the broker again: connections that were open would stay."""
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.admin._scram import (
        ScramCredentialInfo,
        ScramMechanism,
        UserScramCredentialUpsertion,
    )

    # Nothing of it is logged: the tests' output is no place for what librdkafka says of a broker that ends.
    quiet = logging.Logger("admin", logging.CRITICAL)
    admin = AdminClient(
        {
            "bootstrap.servers": f"127.0.0.1:{broker.port}",
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.username": "admin",
            "sasl.password": FIRST,
        },
        logger=quiet,
    )
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
    change = UserScramCredentialUpsertion(USER, info, SECOND.encode())
    for done in admin.alter_user_scram_credentials([change]).values():
        done.result(20)
    broker.stop()
    broker.start()
    broker.until_ready()


@pytest.mark.long(*COVERED, "deploy/kafka.sh", "deploy/kafka.jars")
async def test_of_kafka_and_of_its_store(broker: KafkaNode, valkey: Valkey, tmp_path: Path) -> None:
    """`BUS_PASSWORD_FILE` and `STORE_PASSWORD_FILE`."""
    files = File(tmp_path / "bus", FIRST), File(tmp_path / "store", FIRST)
    give(valkey.command, FIRST)

    def give_second() -> None:
        give(valkey.command, SECOND)
        change_scram(broker)

    try:
        await asyncio.to_thread(broker.start)
        await asyncio.to_thread(broker.until_ready)
        programs = Programs(
            f"kafka://{USER}@127.0.0.1:{broker.port}?sasl=scram-sha-256",
            BUS_PASSWORD_FILE=str(files[0].path),
            STORE_URL=f"redis://{USER}@127.0.0.1:{valkey.port}/0",
            STORE_PASSWORD_FILE=str(files[1].path),
        )
        async with serving(programs) as client:
            await changed(programs, client, give_second, *files)
    finally:
        broker.stop()
