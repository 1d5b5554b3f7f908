"""Behind HAProxy a gateway hangs; HAProxy itself is reloaded, and killed."""

import asyncio
import itertools
import os
import random
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.exceptions import InvalidHandshake

from deploy.launcher.programs import find_haproxy
from deploy.launcher.stack import Stack
from tests.client import Client, connected, open_client
from tests.integration.faults import (
    SYMBOLS,
    assert_stayed,
    assert_unaware,
    now,
    subscribers,
    tell,
    until_current,
    until_more,
)
from tests.integration.haproxy_stats import connections_of, until_state
from tests.integration.stacks import GATEWAY_COUNT, cluster_plan, running, ws_url
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]

EACH = 3
"""Clients of each gateway."""
NEWCOMERS = 8
NEWCOMER_WITHIN_S = 9
"""A gateway that does not answer a handshake within five seconds is given up for another."""
UNUSED_WITHIN_S = 6
"""Two checks of a second each, and the times between."""
GUNICORN_TIMEOUT_S = 3
"""In place of the configured one, so that the test need not wait for that."""
REPLACED_WITHIN_S = GUNICORN_TIMEOUT_S + 7
AGAIN_WITHIN_S = 7
"""The launcher starts a program again after one second."""
AFTER_RELOAD = 40
"""Newcomers, beside those that come while a reload is under way."""
RELOADED_WITHIN_S = 15


async def test_a_gateway_that_hangs_gets_nobody_new_and_is_current_or_replaced_afterwards() -> None:
    """Newcomers go elsewhere; its clients hear nothing until it thaws, or gunicorn replaces it; others see no gap."""
    plan = cluster_plan(SYMBOLS=",".join(SYMBOLS))
    first, second, *others = plan.gateways
    # The one is frozen whole, arbiter and all; of the other only the worker hangs.
    frozen, hung = first.name, second.name
    impatient = replace(second, command=(*second.command, "--timeout", str(GUNICORN_TIMEOUT_S)))
    async with (
        running(replace(plan, gateways=(first, impatient, *others))) as stack,
        subscribers(ws_url(stack), EACH * GATEWAY_COUNT, conflate=False) as clients,
    ):
        assert [await connections_of(stack, gateway.name) for gateway in plan.gateways] == [EACH] * GATEWAY_COUNT
        (worker,) = _children_of(stack[hung].pid)
        ends = [asyncio.create_task(client.until_closed(60)) for client in clients]
        began = now()
        try:
            stack[frozen].send_all(signal.SIGSTOP)
            os.kill(worker, signal.SIGSTOP)
            newcomers = asyncio.gather(*(_newcomer(ws_url(stack)) for _ in range(NEWCOMERS)))
            await until_state(stack, frozen, "DOWN", UNUSED_WITHIN_S)
            unused_after = now() - began
            async with asyncio.timeout(REPLACED_WITHIN_S):
                for end in itertools.islice(asyncio.as_completed(ends), EACH):
                    await end
            cut_off_after = now() - began
            await until_state(stack, hung, "UP")
            replaced_after = now() - began
            slowest = max(await newcomers)
            marks = {client: len(client.prices[SYMBOLS[0]]) for client in clients}

            def silent_ones() -> list[Client]:
                return [one for one in clients if not one.closed and len(one.prices[SYMBOLS[0]]) == marks[one]]

            await until(lambda: len(silent_ones()) <= EACH)
            silent = silent_ones()
        finally:
            stack[frozen].send_all(signal.SIGCONT)
            for task in ends:
                task.cancel()
        back_after = await until_current(silent)
        cut_off = [client for client in clients if client.closed]
        spared = [client for client in clients if client not in silent and client not in cut_off]
        await until_more(spared)
        tell(
            "gateway frozen",
            gets_nobody_new_after=unused_after,
            slowest_newcomer=slowest,
            clients_current_after_thaw=back_after,
        )
        tell("worker hung", cut_off_after=cut_off_after, replaced_after=replaced_after)
        assert [client.close_code for client in cut_off] == [1006] * EACH
        assert len(silent) == EACH
        assert_stayed(silent)
        assert_unaware(spared)
        assert slowest < NEWCOMER_WITHIN_S
        # The launcher had nothing to do.
        assert all(len(process.pids) == 1 for process in stack)
        await until_state(stack, frozen, "UP")


async def test_live_connections_survive_a_reload_of_haproxy_and_clients_its_death() -> None:
    """A reload costs no client a tick and no newcomer a try; after `kill -9` everybody is soon back and current."""
    plan = cluster_plan(SYMBOLS=",".join(SYMBOLS))
    assert plan.haproxy is not None
    # As an installation runs it: a master, which a SIGUSR2 tells to start another worker.
    command = (str(find_haproxy()), "-W", "-f", "haproxy.cfg")
    plan = replace(plan, haproxy=replace(plan.haproxy, command=command))
    async with running(plan) as stack, subscribers(ws_url(stack), EACH * GATEWAY_COUNT, conflate=False) as clients:
        await _reload(stack, clients)
        began = now()
        stack["haproxy"].send_all(signal.SIGKILL)
        assert [await client.until_closed() for client in clients] == [1006] * len(clients)
        again = await asyncio.gather(*(_come_back(ws_url(stack)) for _ in clients))
        try:
            await until_current(again)
            back_after = now() - began
            tell("HAProxy killed", all_back_after=back_after)
            assert back_after < AGAIN_WITHIN_S
            held = [await connections_of(stack, gateway.name) for gateway in plan.gateways]
            assert sum(held) == len(again)
        finally:
            await asyncio.gather(*(client.close() for client in again))


async def _reload(stack: Stack, clients: list[Client]) -> None:
    master = stack["haproxy"].pid
    (old,) = _children_of(master)
    stack["haproxy"].send(signal.SIGUSR2)
    arrivals, left = 0, AFTER_RELOAD
    async with asyncio.timeout(RELOADED_WITHIN_S):
        while left:
            # Whoever were not let in would raise.
            async with connected(ws_url(stack)):
                arrivals += 1
            # Two workers: from now on newcomers are the new one's.
            left -= len(_children_of(master)) == 2
    assert old in _children_of(master)
    await until_more(clients)
    assert_unaware(clients)
    tell("HAProxy reloaded", disconnected=0, ticks_lost="none", newcomers_refused=f"0 of {arrivals}")


def _children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def _newcomer(url: str) -> float:
    """Connect, subscribe, hear a price, leave; the seconds to that price."""
    began = now()
    client = await open_client(url, within_s=40)
    try:
        await client.subscribe(SYMBOLS[0])
        await client.until(lambda client: bool(client.prices[SYMBOLS[0]]))
        return now() - began
    finally:
        await client.close()


async def _come_back(url: str) -> Client:
    """What a client does whose connection broke: again and again, with random pauses."""
    while True:
        await asyncio.sleep(random.uniform(0.1, 0.5))
        try:
            client = await open_client(url)
        except (OSError, InvalidHandshake):
            continue
        await client.subscribe(*SYMBOLS)
        await client.until(lambda client: len(client.prices) == len(SYMBOLS))
        return client
