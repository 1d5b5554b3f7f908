"""Four gateways behind HAProxy, as `make cluster` starts them."""

import asyncio
import itertools
import signal

import pytest

from deploy.launcher.programs import CLUSTER_SYMBOLS
from deploy.launcher.stack import Stack
from tests.client import open_client
from tests.integration.haproxy_stats import connections_of, until_state
from tests.integration.hundreds import BACK_WITHIN_S, CLIENTS, SYMBOLS, come_back, hundred_subscribers, is_past
from tests.integration.stacks import GATEWAY_COUNT, cluster_plan, http_status, running, ws_url

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]


async def test_clients_of_a_killed_gateway_are_back_with_current_prices_and_the_others_see_no_gap() -> None:
    """`kill -9` of one of four gateways costs its clients at most five seconds, and nobody else a tick."""
    assert len(SYMBOLS) == 100
    async with running(cluster_plan(SYMBOLS=CLUSTER_SYMBOLS)) as stack:
        url = ws_url(stack)
        clients = await hundred_subscribers(url)
        try:
            counts = [await connections_of(stack, gateway) for gateway in _gateways(stack)]
            assert sum(counts) == CLIENTS
            # leastconn: none has much more than its share.
            assert max(counts) <= CLIENTS / GATEWAY_COUNT + 5

            victim = _gateways(stack)[0]
            clock = asyncio.get_running_loop().time
            killed = clock()
            stack[victim].send_all(signal.SIGKILL)
            ends = [asyncio.create_task(client.until_closed(60)) for client in clients]
            async with asyncio.timeout(BACK_WITHIN_S):
                for end in itertools.islice(asyncio.as_completed(ends), counts[0]):
                    await end
            lost_after_s = clock() - killed
            for end in ends:
                end.cancel()
            hit = [client for client in clients if client.closed]
            spared = [client for client in clients if not client.closed]
            # What "current" means: nothing older than what the others had when these were cut off.
            newest = {symbol: max(client.newest_seq(symbol) for client in spared) for symbol in SYMBOLS}
            again = await asyncio.gather(*(come_back(url, newest) for _ in hit))
            back_after_s = clock() - killed
            clients += again
            print(f"{len(hit)} clients cut off after {lost_after_s:.2f} s, all back after {back_after_s:.2f} s")  # noqa: T201

            assert len(hit) == counts[0]
            assert {client.close_code for client in hit} == {1006}
            assert back_after_s <= BACK_WITHIN_S
            marks = {symbol: max(client.newest_seq(symbol) for client in spared) for symbol in SYMBOLS}
            await asyncio.gather(
                *(client.until(lambda client: is_past(client, marks), within_s=20) for client in spared + again)
            )
            assert [client.gaps() for client in spared + again] == [[]] * CLIENTS
            assert not any(client.closed for client in spared + again)
            # The launcher has started it again, and HAProxy takes it back.
            await until_state(stack, victim, "UP")
        finally:
            await asyncio.gather(*(client.close() for client in clients))


async def test_a_stopping_gateway_leaves_the_balancer_before_it_closes_its_clients() -> None:
    """SIGTERM: unready by 404, drained by HAProxy, `shutdown`, then 1012; who comes back lands elsewhere."""
    async with running(cluster_plan(DRAIN_SECONDS="6")) as stack:
        url = ws_url(stack)
        clients = [await open_client(url) for _ in range(2 * GATEWAY_COUNT)]
        try:
            leaving = _gateways(stack)[1]
            process = stack[leaving]
            await stack.until_ready(leaving)
            ended = asyncio.create_task(process.ended())
            process.send(signal.SIGTERM)
            await until_state(stack, leaving, "NOLB")
            drained = [await connections_of(stack, gateway) for gateway in _gateways(stack)]
            assert drained == [2] * GATEWAY_COUNT
            assert not any(client.closed for client in clients)
            assert await http_status(f"http://{_address(stack, leaving)}/readyz") == 404

            newcomers = [await open_client(url) for _ in range(GATEWAY_COUNT)]
            clients += newcomers
            assert await connections_of(stack, leaving) == 2

            async with asyncio.timeout(20):
                assert await ended == 0
            left = [client for client in clients if client.closed]
            assert [client.close_code for client in left] == [1012, 1012]
            assert [client.count("shutdown") for client in left] == [1, 1]
            assert not any(client.count("shutdown") for client in clients if client not in left)
        finally:
            await asyncio.gather(*(client.close() for client in clients))


def _gateways(stack: Stack) -> list[str]:
    return [program.name for program in stack.plan.gateways]


def _address(stack: Stack, gateway: str) -> str:
    return next(str(program.listens[0]) for program in stack.plan.gateways if program.name == gateway)
