"""What is said of the bus: real servers, each with something of its own."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis as Client

from deploy.checks import bus
from deploy.checks.bus import check_bus
from deploy.checks.finding import Finding
from deploy.errors import DeployError
from deploy.ports import free_port
from gateway.settings import Settings
from poller.settings import PollerSettings
from tests.market.bus.redis.connection.tls_front import Certificates, tls_front
from tests.valkey import Valkey


async def check(url: str | None, **variables: str) -> list[Finding]:
    """Check as a poller and a gateway with this bus."""
    environ = variables if url is None else {"BUS_URL": url, **variables}
    return await check_bus(environ, [PollerSettings.from_environ(environ)], Settings.from_environ(environ))


def only(findings: list[Finding]) -> Finding:
    """The single finding."""
    (finding,) = findings
    return finding


@pytest.fixture
def own() -> Iterator[list[Valkey]]:
    """Servers of a test's own; they are stopped after it."""
    servers: list[Valkey] = []
    yield servers
    for server in servers:
        server.stop()


def started(servers: list[Valkey], **config: str | int) -> Valkey:
    """One more of them."""
    servers.append(Valkey(**config))
    servers[-1].start()
    return servers[-1]


async def test_a_server_that_does_it_all(valkey: Valkey) -> None:
    """Which one it is, that it is a primary, and that our user may do everything."""
    reached, rights = await check(valkey.url)
    assert ("ok", "ok") == (reached.mark, rights.mark)
    assert f"redis 127.0.0.1:{valkey.port} db 0: Valkey 9" in reached.text
    assert "primary" in reached.text
    assert "may do all" in rights.text


async def test_nothing_is_changed_by_looking(valkey: Valkey) -> None:
    """No key is written and nothing is published."""
    valkey.command("CONFIG", "RESETSTAT")
    await check(valkey.url)
    assert 0 == valkey.command("DBSIZE")
    stats = valkey.command("INFO", "commandstats")
    assert not {"cmdstat_publish", "cmdstat_set", "cmdstat_hset"} & {name for name in stats if stats[name]["calls"]}


async def test_a_password_that_is_missing_wrong_or_right(valkey: Valkey) -> None:
    """Each is said for what it is, and the password itself never."""
    valkey.command("ACL", "SETUSER", "prices", "on", ">sesame street", "~*", "&*", "+@all")
    place = f"127.0.0.1:{valkey.port}"
    assert {"ok"} == {its.mark for its in await check(f"redis://prices:sesame%20street@{place}/0")}
    wrong = only(await check(f"redis://prices:sesameopen@{place}/0"))
    assert "wrong" == wrong.mark
    assert "refused user or password" in wrong.text
    assert "sesame" not in wrong.line
    valkey.command("ACL", "SETUSER", "default", "off")
    try:
        missing = only(await check(f"redis://{place}/0"))
    finally:
        Redis(valkey).restore()
    assert "wrong" == missing.mark
    assert "asks for user and password" in missing.text or "NOAUTH" in missing.text


class Redis:
    """The server's own user, let in again by another one."""

    def __init__(self, server: Valkey) -> None:
        self._server = server

    def restore(self) -> None:
        with Client(port=self._server.port, username="prices", password="sesame street") as client:  # noqa: S106
            client.execute_command("ACL", "SETUSER", "default", "on")


@pytest.mark.parametrize(
    ("rules", "program", "said", "fix"),
    [
        ("~* &* +@all -publish", "poller", "PUBLISH on channel feed.status and 10 more", "+publish"),
        ("~* &other.* +@all", "gateway", "SUBSCRIBE on channel feed.status and 7 more", "&tick.*"),
        ("~* &* +@all -hset", "poller", "HSET on key ticks", "+hset"),
        ("~ticks ~states &* +@all", "poller", "on key lease.poller", "~lease.*"),
        ("%R~* &* +@all", "poller", "HSET on key ticks", "~ticks"),
        ("~lease.* ~standby.* &* +@all", "gateway", "HGET on key ticks", "~ticks"),
        ("~* &* +@all -getdel", "poller", "GETDEL on key standby.poller", "+getdel"),
    ],
)
async def test_a_right_that_is_missing(valkey: Valkey, rules: str, program: str, said: str, fix: str) -> None:
    """The command, the key or channel, and the program that needs it; the rule that gives it."""
    valkey.command("ACL", "SETUSER", "limited", "reset", "on", ">sesame", *rules.split())
    _, *rights = await check(f"redis://limited:sesame@127.0.0.1:{valkey.port}/0")
    found = next(its for its in rights if f"a {program} needs" in its.text)
    assert "wrong" == found.mark
    assert said in found.text
    assert found.fix.startswith("ACL SETUSER limited ")
    assert fix in found.fix.split()
    # A command may lack its key too, which shows once it may be used at all.
    for _ in range(2):
        for rule in rights:
            if rule.fix:
                valkey.command(*rule.fix.split())
        _, *rights = await check(f"redis://limited:sesame@127.0.0.1:{valkey.port}/0")
    assert ["ok"] == [its.mark for its in rights]


async def test_many_symbols_cost_few_questions(valkey: Valkey) -> None:
    """However many are refused: a server far away must be done with in time."""
    valkey.command("ACL", "SETUSER", "limited", "reset", "on", ">sesame", "~*", "+@all", "+client|setinfo")
    valkey.command("ACL", "LOG", "RESET")
    symbols = ",".join(f"S{number}USDT" for number in range(400))
    _, *rights = await check(f"redis://limited:sesame@127.0.0.1:{valkey.port}/0", SYMBOLS=symbols)
    assert ["wrong", "wrong"] == [its.mark for its in rights]
    assert "SUBSCRIBE on channel feed.status and 404 more" in rights[1].text
    assert "&feed.status" in rights[1].fix
    # The others were within the one script.
    entries = [dict(entry) for entry in valkey.command("ACL", "LOG")]
    assert [1] == [entry[b"count"] for entry in entries if entry[b"context"] == b"toplevel"]


async def test_without_scripts_nothing_works(valkey: Valkey) -> None:
    """A user that may not EVAL can neither lead nor read, and is told so first."""
    valkey.command("ACL", "SETUSER", "limited", "reset", "on", ">sesame", "~*", "&*", "+@all", "-@scripting", "-info")
    reached, rights = await check(f"redis://limited:sesame@127.0.0.1:{valkey.port}/0")
    assert ("ok", "wrong") == (reached.mark, rights.mark)
    assert "may not EVAL" in rights.text
    assert "+eval" in rights.fix


async def test_what_a_server_says_while_we_connect(valkey: Valkey) -> None:
    """A database that is none, and one that may not be selected."""
    none = only(await check(f"redis://127.0.0.1:{valkey.port}/9999"))
    assert ("wrong", "see BUS_URL") == (none.mark, none.fix)
    assert "out of range" in none.text
    valkey.command("ACL", "SETUSER", "limited", "reset", "on", ">sesame", "~*", "&*", "+@all", "-select")
    refused = only(await check(f"redis://limited:sesame@127.0.0.1:{valkey.port}/3"))
    assert ("wrong", "ACL SETUSER limited +select") == (refused.mark, refused.fix)


async def test_a_replica_is_refused(valkey: Valkey, own: list[Valkey]) -> None:
    """It takes no writes; its primary is named."""
    replica = started(own, replicaof=f"127.0.0.1 {valkey.port}")
    found = only(await check(replica.url))
    assert "wrong" == found.mark
    assert f"is a replica, of 127.0.0.1:{valkey.port}" in found.text
    assert "primary" in found.fix


async def test_a_node_of_a_cluster_is_refused(own: list[Valkey], tmp_path: Path) -> None:
    """It has a part of the keys only."""
    node = started(own, cluster_enabled="yes", cluster_config_file=str(tmp_path / "nodes.conf"))
    found = only(await check(node.url))
    assert ("wrong", True) == (found.mark, "node of a cluster" in found.text)


async def test_a_memory_that_forgets(own: list[Valkey]) -> None:
    """A server that evicts when it is full may drop prices and leases; one that is nearly full refuses soon."""
    server = started(own, maxmemory="512mb", maxmemory_policy="allkeys-lru")
    *_, found = await check(server.url)
    assert ("warning", True) == (found.mark, "allkeys-lru" in found.text)
    server.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert ["ok", "ok"] == [its.mark for its in await check(server.url)]
    server.command("CONFIG", "SET", "maxmemory", server.command("INFO", "memory")["used_memory"] * 105 // 100)
    *_, found = await check(server.url)
    assert ("warning", True) == (found.mark, "maxmemory are used" in found.text)


async def test_tls_and_a_private_authority(valkey: Valkey, tmp_path: Path) -> None:
    """With the authority's file it is reached; without it, for another name, and without TLS the line says which."""
    made = Certificates(tmp_path)
    async with tls_front(valkey.port, made.ca.issue_cert("localhost")) as port:
        url = f"rediss://localhost:{port}/0"
        reached, rights = await check(f"{url}?ssl_ca_certs={made.ca_file}")
        assert ("ok", "ok", True) == (reached.mark, rights.mark, "over TLS" in reached.text)
        unknown = only(await check(url))
        assert ("wrong", True) == (unknown.mark, "unknown authority" in unknown.text)
        assert "ssl_ca_certs" in unknown.fix
        named = only(await check(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={made.ca_file}"))
        assert "for another name" in named.text
        plain = only(await check(f"redis://localhost:{port}/0"))
        assert "rediss://" in plain.fix
        _, unchecked, _ = await check(f"{url}?ssl_cert_reqs=none")
        assert ("warning", True) == (unchecked.mark, "not checked" in unchecked.text)
    other = only(await check(f"rediss://127.0.0.1:{valkey.port}/0"))
    assert ("wrong", True) == (other.mark, "redis://" in other.fix)


async def test_nobody_there() -> None:
    """A server that was named is missed; the default need not be there, where one can be started."""
    url = f"redis://127.0.0.1:{free_port()}/0"
    named = only(await check(f"redis://:sesame@{url.removeprefix('redis://')}"))
    assert ("wrong", False) == (named.mark, "sesame" in named.line)
    assert url.split("/")[2] in named.text
    assert named.text.endswith("cannot be reached: Connection refused")
    (unknown,) = await check("redis://no-such-host.invalid:1/0")
    assert "redis no-such-host.invalid:1 db 0 cannot be reached: " in unknown.text
    (unset,) = await check_bus({}, [PollerSettings(bus_url=url)], None)
    assert "ok" == unset.mark
    place = url.split("/")[2]
    assert unset.text == (
        f"BUS_URL is not set; nothing runs at its default, {place}. tickgate run and tickgate cluster start a Valkey of"
        " their own; a poller or gateway that is started alone needs a BUS_URL"
    )


async def test_the_default_is_there_and_refuses_us(valkey: Valkey) -> None:
    """What it says is said; that is no matter for programs that start a server of their own."""
    valkey.command("CONFIG", "SET", "requirepass", "sesame")
    try:
        (unset,) = await check_bus({}, [PollerSettings(bus_url=valkey.url)], None)
    finally:
        with Client(port=valkey.port, password="sesame") as client:  # noqa: S106
            client.execute_command("CONFIG", "SET", "requirepass", "")
    assert ("ok", True, False) == (unset.mark, "of its default: " in unset.text, "nothing runs" in unset.text)
    assert "tickgate run and tickgate cluster start a Valkey of their own" in unset.text


async def test_nobody_there_and_nothing_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is wrong, and both ways out are named."""

    def none() -> str:
        raise DeployError("no Valkey")

    monkeypatch.setattr(bus, "valkey_server", none)
    (unset,) = await check_bus({}, [PollerSettings(bus_url=f"redis://127.0.0.1:{free_port()}/0")], None)
    assert ("wrong", True) == (unset.mark, "nothing runs at its default" in unset.text)
    assert "set BUS_URL" in unset.fix
    assert "tickgate[embedded]" in unset.fix


async def test_a_server_that_hangs(valkey: Valkey) -> None:
    """Its silence is said within the time of one answer."""
    with valkey.frozen():
        async with asyncio.timeout(20):
            found = only(await check(valkey.url))
    assert ("wrong", True) == (found.mark, "did not answer in time" in found.text)


async def test_memory_is_no_bus_between_programs() -> None:
    """And a URL that cannot be used is not asked."""
    assert "warning" == only(await check("memory://")).mark
    settings = PollerSettings()
    (found,) = await check_bus({"BUS_URL": "nonsense"}, [settings], None)
    assert "was not asked" in found.text
