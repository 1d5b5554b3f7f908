"""The bus fails over behind a fixed address, as one of a DNS name, a virtual IP or a Kubernetes Service is.

No connection is cut: whoever was connected stays connected to a server that is the wrong one now.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
from websockets.exceptions import InvalidStatus

from deploy.launcher.stack import Stack
from deploy.ports import free_port
from market.wire.codec import decode_tick
from tests.client import connected
from tests.gateway.auth.tokens import token
from tests.integration.faults import (
    SYMBOLS,
    assert_stayed,
    now,
    subscribers,
    tell,
    together,
    until_current,
    url_of,
    with_gateways,
)
from tests.integration.stacks import eventually, run_plan, running
from tests.proxy import Proxy
from tests.valkey import Valkey

pytestmark = pytest.mark.integration

SECRET = "a secret of this test, long enough for HS256"  # noqa: S105
GATEWAYS = ("first", "second")
WRONG_S = 3
"""The address still leads to the old server for so long after its demotion."""
PUBLISHED_WITHIN_S = 4
"""The poller tries again about each second; a try that the old server refuses makes the next one dial."""
NOTICED_WITHIN_S = 14
"""Where nothing fails, the address is dialled anew each ten seconds."""
BACK_WITHIN_S = 30
"""Ten seconds until the poller has left a server that serves on, ten until gateways leave it too, and some tries."""


@dataclass
class Scene:
    """Two servers, the address that leads to one of them, and who uses it."""

    old: Valkey
    new: Valkey
    address: Proxy
    stack: Stack
    has_two_primaries: bool = False
    """Whether the old one takes writes of its own beside the new one."""

    def seqs(self) -> dict[bytes, int]:
        """Each symbol's newest sequence number on the new server."""
        return {symbol: decode_tick(payload).seq for symbol, payload in self.new.last_values().items()}

    async def until_published(self, within_s: float) -> float:
        """Wait until every symbol has had a newer price on the new server, under a lease held there; the seconds."""
        began, before = now(), self.seqs()

        async def it_is() -> bool:
            after = self.seqs()
            has_newer = all(after.get(name.encode(), 0) > before.get(name.encode(), 0) for name in SYMBOLS)
            return has_newer and self.new.command("GET", "lease.poller") is not None

        await eventually(it_is, within_s)
        return now() - began

    async def admits_by_ticket(self) -> bool:
        """Whether a ticket that one gateway gives is on the new server, and opens the other gateway."""
        first, second = (url_of(self.stack, name) for name in GATEWAYS)
        endpoint = first.replace("ws://", "http://").replace("/ws", "/v1/ticket")
        # Among them may be tickets that were refused.
        before = set(self.new.command("KEYS", "ticket.*"))
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {_token()}"}) as http,
            http.post(endpoint) as response,
        ):
            if response.status != 200:
                assert response.status == 503
                return False
            ticket = (await response.json())["ticket"]
        is_on_new = bool(set(self.new.command("KEYS", "ticket.*")) - before)
        try:
            async with connected(f"{second}?ticket={ticket}"):
                return is_on_new
        except InvalidStatus as refused:
            # A gateway that uses one of two primaries does not find what another wrote to the other.
            if refused.response.status_code not in ((401, 503) if self.has_two_primaries else (503,)):
                raise
            return False


def _token() -> str:
    return token("HS256", SECRET, sub="somebody", exp=time.time() + 600)


def _follow(scene: Scene) -> None:
    """The old primary becomes the new one's replica, so that what is published there reaches it too."""
    scene.old.command("REPLICAOF", "127.0.0.1", scene.new.port)


def _cut_off(scene: Scene) -> None:
    """The old primary becomes a replica that hears of nobody."""
    scene.old.command("REPLICAOF", "127.0.0.1", free_port())


def _fence(scene: Scene) -> None:
    """The old primary, left by its replica, takes no writes."""
    scene.old.command("CONFIG", "SET", "min-replicas-to-write", "1")


def _leave(scene: Scene) -> None:
    """The old primary serves on alone."""
    scene.has_two_primaries = True


USUAL = "primary demoted, follows the new one"
REFUSING: dict[str, Callable[[Scene], None]] = {
    USUAL: _follow,
    "primary demoted, cut off from the new one": _cut_off,
    "primary fenced (min-replicas-to-write)": _fence,
}
ALL = {**REFUSING, "address moved, primary serves on": _leave}


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    """A primary and its replica, an address that leads to the primary, a poller and two gateways."""
    async with AsyncExitStack() as exits:
        old, new = Valkey(), Valkey()
        for server in (old, new):
            exits.callback(server.stop)
            server.start()
        new.command("REPLICAOF", "127.0.0.1", old.port)

        async def in_step() -> bool:
            return bool(new.command("INFO", "replication")["master_link_status"] == "up")

        await eventually(in_step, within_s=30)
        address = await exits.enter_async_context(Proxy(old.port))
        plan = run_plan(
            BUS_URL=f"redis://{address.address}/0",
            AUTH_MODE="jwt",
            JWT_SECRET=SECRET,
            AUTH_QUERY_TOKEN="1",  # noqa: S106
        )
        stack = await exits.enter_async_context(running(with_gateways(plan, **{name: {} for name in GATEWAYS})))
        yield Scene(old, new, address, stack)


def _fail_over(scene: Scene, demote: Callable[[Scene], None]) -> None:
    scene.new.command("REPLICAOF", "NO", "ONE")
    demote(scene)


async def test_poller_and_tickets_follow_the_bus_to_its_new_primary() -> None:
    """Whatever became of the old primary, the poller soon leads and publishes on the new one, and tickets open again.

    Meanwhile the address, which still leads to the old one for a while, is dialled at a bounded rate.
    """
    await together(*(_followed(name) for name in ALL))


async def _followed(name: str) -> None:
    async with scene() as there:
        # Not at once: what is written on a primary reaches its replica a moment later.
        await eventually(there.admits_by_ticket, within_s=30)
        _fail_over(there, ALL[name])
        if name in REFUSING:
            dialled, until = there.address.dialled, now() + WRONG_S
            while now() < until:
                assert not await there.admits_by_ticket()
                await asyncio.sleep(0.1)
            assert there.address.dialled - dialled <= 6 * WRONG_S
        there.address.retarget(there.new.port)
        began = now()
        tickets = asyncio.create_task(eventually(there.admits_by_ticket, within_s=BACK_WITHIN_S))
        published = await there.until_published(PUBLISHED_WITHIN_S if name in REFUSING else NOTICED_WITHIN_S)
        await tickets
        tell(name, published_after=published, tickets_after=now() - began)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([USUAL], id="the usual way"),
        # Where nothing fails, the poller leaves the old server after ten seconds, and then the gateways do.
        pytest.param(sorted(ALL.keys() - {USUAL}), id="others", marks=pytest.mark.long("deploy", "gateway", "poller")),
    ],
)
async def test_clients_hear_prices_again_after_the_bus_failed_over(names: list[str]) -> None:
    """Whatever became of the old primary, all clients stay, and are told `live` with new prices of every symbol."""
    await together(*(_heard(name) for name in names))


async def _heard(name: str) -> None:
    async with scene() as there, AsyncExitStack() as exits:
        clients = []
        for gateway in GATEWAYS:
            url = f"{url_of(there.stack, gateway)}?token={_token()}"
            clients += await exits.enter_async_context(subscribers(url, 2))
        _fail_over(there, ALL[name])
        there.address.retarget(there.new.port)
        began = now()
        await there.until_published(NOTICED_WITHIN_S)
        await until_current(clients, within_s=BACK_WITHIN_S)
        back_after = now() - began
        assert_stayed(clients)
        reasons = {told["reason"] for client in clients for told in client.messages if told.get("feed") == "stale"}
        tell(name, stale=", ".join(sorted(reasons)) or "never", back_after=back_after)
