"""A broker that speaks TLS, knows users, and lets each do what rules say."""

import asyncio
import re
import shlex
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from deploy.ports import free_port
from market.bus import Batch, BusDownError, BusOptions, open_bus
from tests.kafka import KafkaNode, require_kafka
from tests.market.bus.receivers import RecordingReceiver

pytestmark = pytest.mark.long("deploy/kafka.sh", "deploy/kafka.jars")

PASSWORD = "open sesame/1"  # noqa: S105 - of this test's own broker
QUOTED = "open%20sesame%2F1"
USERS = ("gateway", "poller", "stranger")


class Right(NamedTuple):
    """What one user may do with one thing."""

    user: str
    kind: ResourceType
    name: str
    operation: AclOperation

    @property
    def where(self) -> tuple[ResourceType, str, ResourcePatternType, str]:
        """The first arguments of a rule."""
        literal = self.kind == ResourceType.TOPIC
        pattern = ResourcePatternType.LITERAL if literal else ResourcePatternType.PREFIXED
        return self.kind, self.name, pattern, f"User:{self.user}"


def documented() -> list[Right]:
    """The rights that docs/kafka.md gives, by its commands."""
    found = []
    text = Path("docs/kafka.md").read_text(encoding="utf-8")
    for line in re.findall(r"^kafka-acls\.sh .+ --add (.+)$", text, re.MULTILINE):
        words = shlex.split(line)
        told: dict[str, list[str]] = {}
        for option, value in zip(words[::2], words[1::2], strict=True):
            told.setdefault(option, []).append(value)
        (user,) = told["--allow-principal"]
        assert told.get("--resource-pattern-type", ["literal"]) == ["prefixed" if "--topic" not in told else "literal"]
        for option, kind in (("--topic", ResourceType.TOPIC), ("--transactional-id", ResourceType.TRANSACTIONAL_ID)):
            for name, operation in product(told.get(option, ()), told["--operation"]):
                right = Right(user.removeprefix("User:"), kind, name, AclOperation[operation.upper()])
                found.append(right)
    return found


class Secured(NamedTuple):
    """The broker, and the authority of its certificate."""

    port: int
    ca: Path
    admin: AdminClient

    def url(self, user: str, sasl: str = "scram-sha-512", *, password: str = QUOTED) -> str:
        """The URL for one user."""
        return f"kafka://{user}:{password}@localhost:{self.port}?sasl={sasl}&tls=true&ssl_ca_certs={self.ca}"

    def rule(self, permission: AclPermissionType, right: Right) -> None:
        """Let a user do this, or let him not."""
        for done in self.admin.create_acls([AclBinding(*right.where, "*", right.operation, permission)]).values():
            done.result(20)

    def allow_again(self, right: Right) -> None:
        """Remove the rule that denies it."""
        denied = AclBindingFilter(*right.where, "*", right.operation, AclPermissionType.DENY)
        for done in self.admin.delete_acls([denied]).values():
            assert len(done.result(20)) == 1


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A single broker: TLS and SASL for clients, users by PLAIN and by SCRAM, rules for what they may do."""
    require_kafka()
    folder = tmp_path_factory.mktemp("secured")
    authority = trustme.CA()
    ca = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    leaf = authority.issue_cert("localhost")
    key = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    chain = b"".join(its.bytes() for its in leaf.cert_chain_pems)
    store = folder / "server.pem"
    store.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain)
    port, controller = free_port(), free_port()
    module = "org.apache.kafka.common.security"
    users = " ".join(f'user_{user}="{PASSWORD}"' for user in ("admin", *USERS))
    listener = "listener.name.clients"
    admin = f'username="admin" password="{PASSWORD}"'
    node = KafkaNode(
        folder / "node",
        port,
        properties=f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://localhost:{port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,CLIENTS:SASL_SSL
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENTS
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
{listener}.plain.sasl.jaas.config={module}.plain.PlainLoginModule required {admin} {users};
{listener}.scram-sha-256.sasl.jaas.config={module}.scram.ScramLoginModule required;
{listener}.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={store}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:ANONYMOUS
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.dirs={folder / "node" / "log"}
log.cleaner.dedupe.buffer.size=4194304
""",
        storage="\n".join(
            f"--add-scram\n{mechanism}=[name={user},password={PASSWORD}]"
            for user in USERS
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        ),
    )
    try:
        node.start()
        node.until_ready()
        config: dict[str, str | int | float | bool] = {
            "bootstrap.servers": f"localhost:{port}",
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(ca),
            "sasl.mechanism": "PLAIN",
            "sasl.username": "admin",
            "sasl.password": PASSWORD,
        }
        its = Secured(port, ca, AdminClient(config))
        for right in documented():
            its.rule(AclPermissionType.ALLOW, right)
        yield its
    finally:
        node.stop()


async def refusal(url: str) -> str:
    """What is said to who may not publish."""
    bus = open_bus(url, BusOptions(partitions=2))
    try:
        with pytest.raises(BusDownError) as refused:
            await bus.leadership.acquire("poller", "we", 30)
        return str(refused.value)
    finally:
        await bus.aclose()


async def test_each_user_does_what_its_program_needs(secured: Secured) -> None:
    """A poller creates the topics and publishes; a gateway only reads, and needs no group; over each mechanism."""
    poller = open_bus(secured.url("poller"), BusOptions(partitions=2))
    token = await poller.leadership.acquire("poller", "we", 30)
    assert token is not None
    for sasl in ("plain", "scram-sha-256", "scram-sha-512"):
        gateway, receiver = open_bus(secured.url("gateway", sasl)), RecordingReceiver()
        link = await gateway.broker.subscribe(["a.1"], receiver.receive)
        await poller.broker.publish(Batch([("a.1", sasl.encode())], barrier=("b.1", b"")), token=token)
        await receiver.until_count(1)
        assert {"a.1": sasl.encode()} == await gateway.last_values.read(["a.1"], max_bytes=99)
        assert not link.lost.done()
        link.close()
        await gateway.aclose()
    await poller.aclose()


async def failure(secured: Secured, user: str) -> str:
    """Why the program of this user cannot do all that it does; empty if it can."""
    bus = open_bus(secured.url(user), BusOptions(partitions=2))
    try:
        if user == "gateway":
            link = await bus.broker.subscribe(["a.1"], RecordingReceiver().receive)
            link.close()
        else:
            token = await bus.leadership.acquire("poller", "we", 30)
            assert token is not None
            await bus.broker.publish(Batch([("a.1", b"1")], barrier=("b.1", b"")), token=token)
        await bus.last_values.read(["a.1"], max_bytes=99)
    except BusDownError as error:
        return str(error)
    finally:
        await bus.aclose()
    return ""


async def until_failure(secured: Secured, user: str, pattern: str) -> None:
    """Wait until the program of this user fails in this way: a rule holds a moment after its answer."""
    async with asyncio.timeout(30):
        while not re.search(pattern, await failure(secured, user)):  # noqa: ASYNC110 - a broker sets no event
            await asyncio.sleep(0.1)


async def test_each_right_of_the_document_is_needed(secured: Secured) -> None:
    """Without any single one of them its program cannot do its work, and says what it may not."""
    await until_failure(secured, "poller", "^$")
    rights = documented()
    assert len(rights) == 9
    needless = []
    for right in rights:
        if right.operation == AclOperation.CREATE:
            for done in (await asyncio.to_thread(secured.admin.delete_topics, [right.name])).values():
                await asyncio.to_thread(done.result, 20)
        await asyncio.to_thread(secured.rule, AclPermissionType.DENY, right)
        try:
            # Of a transaction the first refusal throws away what is to follow, and that may be told first.
            await until_failure(secured, right.user, f"does not let user {right.user} |Purged in queue")
        except TimeoutError:
            needless.append(right)
        await asyncio.to_thread(secured.allow_again, right)
        await until_failure(secured, "poller", "^$")
    assert [] == needless
    await until_failure(secured, "gateway", "^$")


async def test_who_may_not_is_told_what(secured: Secured) -> None:
    """A gateway that would publish, and a user without any right."""
    assert "does not let user gateway use transactional ids that begin with tickgate." in await refusal(
        secured.url("gateway")
    )
    stranger = open_bus(secured.url("stranger"))
    with pytest.raises(BusDownError, match=r"does not let user stranger use topic ticks; allow it"):
        await stranger.broker.subscribe(["a.1"], RecordingReceiver().receive)
    with pytest.raises(BusDownError, match=r"does not let user stranger use topic (ticks|last); allow it"):
        await stranger.last_values.read(["a.1"], max_bytes=9)
    await stranger.aclose()


async def test_a_wrong_password_is_told(secured: Secured) -> None:
    """And is not shown."""
    for sasl in ("plain", "scram-sha-512"):
        said = await refusal(secured.url("poller", sasl, password="abracadabra"))  # noqa: S106 - a wrong one
        assert "refused user or password" in said
        assert "abracadabra" not in said


async def test_a_broker_that_cannot_be_trusted_is_not_told_the_password(secured: Secured, tmp_path: Path) -> None:
    """Another authority, another name, or no TLS at all: the message says what to set."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    url = secured.url("poller")
    said = await refusal(url.replace(str(secured.ca), str(other)))
    assert "TLS with" in said
    assert "certificate verify failed" in said
    assert "TLS with" in await refusal(url.replace("localhost", "127.0.0.1"))
    plain = url.replace("&tls=true", "").partition("&ssl_ca_certs")[0]
    assert "cannot be reached" in await refusal(plain)


async def test_rights_that_are_taken_away_end_a_subscription(secured: Secured) -> None:
    """It is lost, and says why; when they are given back another one works."""
    poller, gateway = open_bus(secured.url("poller"), BusOptions(partitions=2)), open_bus(secured.url("gateway"))
    token = await poller.leadership.acquire("poller", "we", 30)
    assert token is not None
    link = await gateway.broker.subscribe(["a.1"], RecordingReceiver().receive)
    operations = AclOperation.DESCRIBE, AclOperation.READ
    taken = [Right("gateway", ResourceType.TOPIC, "ticks", operation) for operation in operations]
    for right in taken:
        await asyncio.to_thread(secured.rule, AclPermissionType.DENY, right)
    async with asyncio.timeout(20):
        assert "does not let user gateway use topic ticks" in await link.lost
    await asyncio.gather(poller.aclose(), gateway.aclose())
    for right in taken:
        await asyncio.to_thread(secured.allow_again, right)
