"""The gateways behind ``haproxy.cfg``: as many as there are, by address or by name, and names that come later."""

import asyncio
import re
import signal
import ssl
import subprocess
from collections import Counter
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
import trustme

from deploy.launcher.programs import find_haproxy
from deploy.ports import free_port
from deploy.process.processes import ROOT
from tests.integration.balancers import Balancer, StandIn, balancer, starting_balancer
from tests.integration.front_kinds import OTHERS, require
from tests.integration.names import Names, name_server
from tests.integration.stacks import answers, eventually, http_status
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]

FRONTS = ("haproxy", *OTHERS)
NAME = "gateways.test"
NONE = {f"TICKGATE_GATEWAY_{number}": "" for number in range(1, 5)}


async def all_serve(haproxy: Balancer) -> None:
    """Wait until each stand-in has served a request; nobody is refused meanwhile."""

    async def it_is_so() -> bool:
        assert await http_status(f"{haproxy.url}/") == 200
        return all(stand_in.requests for stand_in in haproxy.stand_ins)

    await eventually(it_is_so, within_s=20)


async def until_status(haproxy: Balancer, status: int) -> None:
    """Wait until HAProxy answers with this status."""

    async def it_is() -> bool:
        return await http_status(f"{haproxy.url}/") == status

    await eventually(it_is, within_s=20)


def on_one_port(count: int) -> list[StandIn]:
    """Stand-ins at addresses of their own, as gateways in containers are."""
    port = free_port()
    return [StandIn(f"127.0.1.{number}", port) for number in range(1, count + 1)]


@pytest.mark.parametrize("count", [1, 2, 8, 16])
async def test_so_many_gateways_as_are_numbered_serve(count: int) -> None:
    """`TICKGATE_GATEWAY_1` and so on: an empty one is none, and up to sixteen are served from."""
    async with balancer([StandIn() for _ in range(count)], **dict(list(NONE.items())[count:])) as haproxy:
        await all_serve(haproxy)


@pytest.mark.parametrize("count", [1, 2, 8, 16])
async def test_so_many_gateways_as_a_name_has_addresses_serve(count: int) -> None:
    """`TICKGATE_GATEWAYS` in place of numbers: each of its addresses is a gateway."""
    stand_ins = on_one_port(count)
    async with name_server() as names:
        names.addresses[NAME] = addresses(stand_ins)
        async with balancer(stand_ins, **named(names, stand_ins)) as haproxy:
            await all_serve(haproxy)


async def test_gateways_come_and_go_with_the_addresses_of_their_name() -> None:
    """A name that is not there at first keeps nobody from starting; what it gains serves, what it loses is left."""
    stand_ins = on_one_port(3)
    async with name_server() as names, starting_balancer(stand_ins, **named(names, stand_ins)) as haproxy:
        await answers(f"{haproxy.url}/readyz", 503)
        first, second, third = addresses(stand_ins)
        assert await http_status(f"{haproxy.url}/") == 503
        names.addresses[NAME] = [first]
        await until_status(haproxy, 200)
        names.addresses[NAME] = [first, second, third]
        await all_serve(haproxy)
        names.addresses[NAME] = [second, third]

        async def the_first_is_left() -> bool:
            haproxy.stand_ins[0].requests.clear()
            assert [await http_status(f"{haproxy.url}/") for _ in range(6)] == [200] * 6
            return not haproxy.stand_ins[0].requests

        await eventually(the_first_is_left, within_s=20)


async def test_a_reload_refuses_nobody_where_gateways_have_a_name() -> None:
    """The new process knows no address yet when the first newcomers reach it; they wait, and none hears 503."""
    stand_ins = on_one_port(2)
    async with name_server() as names:
        names.addresses[NAME] = addresses(stand_ins)
        async with balancer(stand_ins, mode="-W", **named(names, stand_ins)) as haproxy:
            statuses: Counter[int] = Counter()

            async def come() -> None:
                while True:
                    statuses[await http_status(f"{haproxy.url}/")] += 1

            async with asyncio.TaskGroup() as newcomers:
                coming = [newcomers.create_task(come()) for _ in range(4)]
                for count in (1, 2, 3, 4):
                    await until_workers(haproxy, count)
                    served = statuses[200]
                    await until(lambda: statuses[200] > served + 50)  # noqa: B023 # awaited in this turn of the loop
                for task in coming:
                    task.cancel()
            assert statuses.keys() == {200}


async def test_a_name_of_services_tells_ports_too() -> None:
    """Of SRV records each is a gateway: several may share an address."""
    stand_ins = [StandIn(port=free_port()) for _ in range(3)]
    service = "_tickgate._tcp.gateways.test"
    async with name_server() as names:
        names.addresses["host.test"] = ["127.0.0.1"]
        names.services[service] = [("host.test", stand_in.server.port or 0) for stand_in in stand_ins]
        variables = {"TICKGATE_GATEWAYS": service, "TICKGATE_NAMESERVER": names.address}
        async with balancer(stand_ins, **variables) as haproxy:
            await all_serve(haproxy)


async def test_numbered_gateways_may_have_names_that_come_later() -> None:
    """One has an address and serves; the other's name is not known at the start, and serves when it is."""
    known, later = StandIn(), StandIn("127.0.1.1", free_port())
    async with name_server() as names:
        variables = NONE | {"TICKGATE_GATEWAY_2": f"later.test:{later.server.port}"}
        del variables["TICKGATE_GATEWAY_1"]
        stand_ins = [known, later]
        async with balancer(stand_ins, TICKGATE_NAMESERVER=names.address, **variables) as haproxy:
            assert await http_status(f"{haproxy.url}/") == 200
            assert later.requests == []
            names.addresses["later.test"] = ["127.0.1.1"]
            await all_serve(haproxy)


async def test_a_name_service_that_fails_takes_no_gateway_away() -> None:
    """It knows the name no more, or says nothing: whether a gateway is there is for its checks to tell."""
    stand_ins = on_one_port(2)
    async with name_server() as names:
        names.addresses[NAME] = addresses(stand_ins)
        async with balancer(stand_ins, **named(names, stand_ins)) as haproxy:
            await all_serve(haproxy)
            for fault in ("forgets", "is silent"):
                names.silent = fault == "is silent"
                names.addresses.clear()
                asked = len(names.asked)

                # A round of questions, with all their second tries.
                async def in_vain(asked: int = asked) -> bool:
                    assert await http_status(f"{haproxy.url}/") == 200
                    return len(names.asked) >= asked + 4

                await eventually(in_vain, within_s=60)
            assert not any("enters maintenance" in line for line in haproxy.log)


async def test_names_that_only_this_machine_knows_are_looked_up_at_the_start() -> None:
    """With `TICKGATE_DNS=0` as the system does it, `/etc/hosts` among the rest; no name server is asked."""
    gateway = StandIn()
    await gateway.server.start_server()
    port = gateway.server.port
    async with name_server() as names:
        variables = NONE | {"TICKGATE_GATEWAY_1": f"localhost:{port}", "TICKGATE_DNS": "0"}
        async with balancer([gateway], TICKGATE_NAMESERVER=names.address, **variables) as haproxy:
            assert [await http_status(f"{haproxy.url}/") for _ in range(3)] == [200] * 3
        assert names.asked == []


def certified(ca: trustme.CA, name: str) -> ssl.SSLContext:
    """What a server with a certificate of this authority speaks."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize("front", FRONTS)
async def test_the_way_to_gateways_is_encrypted_and_only_a_gateway_is_talked_to(front: str, tmp_path: Path) -> None:
    """With `TICKGATE_GATEWAY_CA` nobody else's certificate, no other name, and no plain text is accepted."""
    require(front)
    ca, stranger = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    name = "prices.internal"

    def wrong() -> list[StandIn]:
        # Another name; another authority; no certificate.
        return [StandIn(tls=certified(ca, "other.internal")), StandIn(tls=certified(stranger, name)), StandIn()]

    settings = {"TICKGATE_GATEWAY_CA": str(tmp_path / "ca.pem"), "TICKGATE_GATEWAY_CERT_NAME": name}
    for alone in wrong():
        async with starting_balancer([alone], front=front, **settings) as its:
            await answers(f"{its.url}/", 503)
            assert 503 == await http_status(f"{its.url}/")
        assert [] == alone.requests
    right, others = StandIn(tls=certified(ca, name)), wrong()
    async with balancer([right, *others], front=front, **settings) as its:

        async def the_right_one_alone_is_used() -> bool:
            # At first each counts as in service.
            return {200} == {await http_status(f"{its.url}/") for _ in range(12)}

        await eventually(the_right_one_alone_is_used, within_s=20)
        assert all(request.secure for request in right.requests)
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{its.url}/ws") as socket:
            await socket.send_str("through TLS")
            assert "through TLS" == await socket.receive_str()
    assert [] == [request for stand_in in others for request in stand_in.requests]


async def test_a_gateway_that_is_not_named_is_not_there() -> None:
    """The one that is named is the only server that HAProxy has, and asks."""
    number, gateway = 3, StandIn(port=free_port())
    named = {"TICKGATE_GATEWAY_1": ""} | {f"TICKGATE_GATEWAY_{number}": f"127.0.0.1:{gateway.server.port}"}
    async with balancer([gateway], TICKGATE_DNS="0", **named) as haproxy:
        async with aiohttp.ClientSession() as session, session.get(f"{haproxy.stats_url}/stats;csv") as response:
            servers = re.findall(r"^gateways,(gateway-\d+),", await response.text(), re.MULTILINE)
        assert [f"gateway-{number}"] == servers
        assert 200 == await http_status(f"{haproxy.url}/")


def test_without_any_gateway_it_does_not_start() -> None:
    """It says which variables to set."""
    check = subprocess.run(
        [str(find_haproxy()), "-c", "-f", "haproxy.cfg"], cwd=ROOT, env={}, capture_output=True, text=True, check=False
    )
    assert 1 == check.returncode
    assert "set TICKGATE_GATEWAY_1" in check.stderr


async def until_workers(haproxy: Balancer, count: int) -> None:
    """Reload until there have been so many that were ready; a master that is still busy overlooks a signal."""
    await until(lambda: workers(haproxy) >= 1)
    while workers(haproxy) < count:
        haproxy.process.send(signal.SIGUSR2)
        with suppress(TimeoutError):
            await until(lambda: workers(haproxy) >= count, within_s=3)


def workers(haproxy: Balancer) -> int:
    """How many there have been that were ready."""
    return sum("Loading success" in line for line in haproxy.log)


def addresses(stand_ins: list[StandIn]) -> list[str]:
    """List the addresses of the stand-ins."""
    return [stand_in.server.host for stand_in in stand_ins]


def named(names: Names, stand_ins: list[StandIn]) -> dict[str, str]:
    """What HAProxy is told, where the gateways are the addresses of one name."""
    return {"TICKGATE_GATEWAYS": f"{NAME}:{stand_ins[0].server.port}", "TICKGATE_NAMESERVER": names.address}
