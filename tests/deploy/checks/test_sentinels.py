"""What is said of Sentinels: real ones, and those that say what a test wants."""

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from deploy.buses.sentinel import MASTER
from deploy.checks.bus import check_bus
from deploy.checks.finding import Finding
from deploy.checks.sentinels import ask_sentinels
from deploy.ports import free_port
from deploy.process.processes import ROOT
from gateway.settings import Settings
from market.bus.redis.connection.sentinel.url import parse_sentinel_url
from market.bus.redis.connection.sentinel.verdict import Address, Verdict
from poller.settings import PollerSettings
from tests.market.bus.redis.connection.sentinel.scripted import ScriptedSentinel, scripted, url_of
from tests.sentinel import USER, Sentinels, running


async def check(url: str) -> list[Finding]:
    """Check as a poller and a gateway with this bus."""
    environ = {"BUS_URL": url}
    return await check_bus(environ, [PollerSettings.from_environ(environ)], Settings.from_environ(environ))


@pytest.fixture
async def liars() -> AsyncIterator[list[ScriptedSentinel]]:
    """Three Sentinels that say what a test wants."""
    async with scripted() as sentinels:
        yield sentinels


async def said(liars: list[ScriptedSentinel], options: str = "") -> tuple[Verdict | None, list[Finding]]:
    """What is found of them."""
    its = await ask_sentinels(parse_sentinel_url(url_of(liars, options)))
    return its.verdict, its.findings


async def test_all_is_well(sentinels: Sentinels) -> None:
    """Each Sentinel says where the primary is and whom it knows; the primary and both replicas let our user in."""
    found = await check(sentinels.url)
    assert {"ok"} == {its.mark for its in found}, [its.line for its in found]
    primary = sentinels.primary().address
    for sentinel in sentinels.sentinels:
        expected = f"{sentinel.address} names {primary} as the primary {MASTER} (epoch 0), with 2 replicas and 2 other"
        assert any(expected in its.text for its in found)
    assert any(f"primary {primary} db 0: Valkey 9" in its.text for its in found)
    assert 2 == sum(its.subject == "replica" and "may do all" in its.text for its in found)


async def test_a_replica_whose_users_are_others(tmp_path: Path) -> None:
    """The failover would lock us out; so is a Sentinel that is not named in the URL, or that is down."""
    with running(Sentinels(tmp_path)) as own:
        own.servers[2].command("ACL", "SETUSER", USER[0], "-hset")
        url = own.url.replace("://", f"://{USER[0]}:{USER[1]}@")
        found = await check(url)
        lacking, of_gateway = (its for its in found if its.mark != "ok")
        assert ("wrong", "replica") == (lacking.mark, lacking.subject)
        assert "may not do what a gateway needs: HSET on key presences" in of_gateway.text
        assert lacking.text.startswith(f"{own.servers[2].address}: user prices may not do what a poller needs: HSET")
        own.servers[2].command("ACL", "SETUSER", USER[0], "+hset")
        fewer = await check(url.replace(f",{own.sentinels[2].address}", ""))
        assert ["BUS_URL names 2 of 3 Sentinels: if those are down, nobody can be asked"] == [
            its.text for its in fewer if its.mark != "ok"
        ]
        own.sentinels[0].kill()
        (down,) = [its for its in await check(url) if its.mark != "ok"]
        assert ("warning", True) == (down.mark, str(own.sentinels[0].address) in down.text)
        assert USER[1] not in "".join(its.line for its in found)


async def test_a_user_of_the_sentinels_needs_no_more_rights_than_documented(sentinels: Sentinels) -> None:
    """With those that docs/access.md names nothing is missing, neither for a bus nor for this check."""
    text = (ROOT / "docs" / "access.md").read_text(encoding="utf-8").partition("### Sentinels")[2].partition("\n##")[0]
    rights = re.findall(r"^ACL SETUSER prices reset on >\S+ (.+)$", text, re.MULTILINE)
    more = re.findall(r"`(\+[^`]+)`", text)
    assert len(more) == 2
    rights += more
    for sentinel in sentinels.sentinels:
        sentinel.command("ACL", "SETUSER", "watcher", "reset", "on", ">sesame", *" ".join(rights).split())
    found = await check(f"{sentinels.url}?sentinel_username=watcher&sentinel_password=sesame&client_name=gateway")
    assert {"ok"} == {its.mark for its in found}, [its.line for its in found]
    names = sentinels.sentinels[0].command("ACL", "LOG")
    assert [] == [entry for entry in names if entry["username"] == "watcher"]


def _nobody(liars: list[ScriptedSentinel]) -> None:
    for liar in liars:
        liar.refuses[b"HELLO"] = b"NOAUTH HELLO must be called with the client already authenticated"


def _unknown(liars: list[ScriptedSentinel]) -> None:
    for liar in liars:
        liar.primary = None


@pytest.mark.parametrize(
    ("break_them", "text", "fix"),
    [
        (_nobody, "asks for user and password", "see sentinel_username and sentinel_password in BUS_URL"),
        (_unknown, "knows no mymaster", "SENTINEL MASTERS lists what to name in BUS_URL"),
    ],
)
async def test_where_none_can_be_used_it_is_wrong(
    liars: list[ScriptedSentinel], break_them: Callable[[list[ScriptedSentinel]], None], text: str, fix: str
) -> None:
    """Each says why, with the fix."""
    break_them(liars)
    found = await check(url_of(liars))
    assert 3 == len(found)
    for liar, its in zip(liars, found, strict=True):
        assert ("wrong", fix) == (its.mark, its.fix)
        assert liar.place in its.text
        assert text in its.text


async def test_a_primary_that_cannot_be_reached(liars: list[ScriptedSentinel]) -> None:
    """The Sentinels are well; the address that they name may be one for other machines."""
    port = free_port()
    liars[0].primary = ("127.0.0.1", port)
    found = await check(url_of(liars[:1]))
    (wrong,) = [its for its in found if its.mark == "wrong"]
    assert f"primary 127.0.0.1:{port} db 0 cannot be reached: Connection refused" == wrong.text
    assert "replica-announce-ip" in wrong.fix


async def test_those_that_disagree(liars: list[ScriptedSentinel]) -> None:
    """Who says what, and whose word counts."""
    new = ("127.0.0.1", free_port())
    liars[1].primary, liars[1].epoch = new, 4
    verdict, found = await said(liars)
    assert Verdict((Address(*new),), 4) == verdict
    (disagree,) = [its for its in found if "they disagree" in its.text]
    assert f"127.0.0.1:{new[1]} (epoch 4) by {liars[1].place}" in disagree.text
    assert disagree.text.endswith(f"so 127.0.0.1:{new[1]} is the primary")


@pytest.mark.parametrize(
    ("command", "refusal", "text", "fix"),
    [
        (b"SUBSCRIBE", b"NOPERM no", "does not let us subscribe", "ACL SETUSER default +subscribe &+switch-master"),
        (b"SENTINEL MASTER", b"NOPERM no", "does not say of which epoch", "ACL SETUSER default +sentinel|master there"),
        (b"SENTINEL CKQUORUM", b"NOQUORUM 1 usable", "could not fail over: NOQUORUM 1", "start the other Sentinels"),
    ],
)  # fmt: skip
async def test_what_is_less_than_it_could_be(
    liars: list[ScriptedSentinel], command: bytes, refusal: bytes, text: str, fix: str
) -> None:
    """It works, with a warning that says what is missing."""
    liars[0].refuses[command] = refusal
    verdict, found = await said(liars)
    assert verdict is not None
    assert any(its.mark == "warning" and text in its.text and its.fix.startswith(fix) for its in found), found
