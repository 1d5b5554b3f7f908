"""One worker takes over from another, or a gateway stops, while clients come all the time: none is turned away."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.launcher.programs import GUNICORN, Plan
from deploy.launcher.stack import Stack
from deploy.ports import Address, free_port
from deploy.process.processes import ROOT
from tests.client import Client
from tests.integration.faults import Lines, launched, now, subscribers, tell
from tests.integration.haproxy_stats import stats_of, until_state
from tests.integration.newcomers import Newcomers, coming
from tests.integration.stacks import GATEWAY_COUNT, answers, cluster_plan, eventually, run_plan, running, ws_url
from tests.waiting import until

pytestmark = [pytest.mark.integration]

RATE = 100
"""Newcomers a second."""
DRAIN_SECONDS = "1.5"
EACH = 3
"""Clients of each gateway that stay, so that a drain takes its time."""


STEADY = 30
"""Looks at who the workers are, one after the other."""


@pytest.mark.haproxy
async def test_nobody_is_turned_away_while_four_gateways_are_reloaded() -> None:
    """SIGHUP to all four gunicorns at once, behind HAProxy: who comes has its price, who is there leaves with 1012."""
    async with (
        running(cluster_plan(DRAIN_SECONDS=DRAIN_SECONDS)) as stack,
        subscribers(ws_url(stack), EACH * GATEWAY_COUNT) as clients,
        coming(stack.plan.front, RATE) as newcomers,
    ):
        arbiters = [stack[program.name].pid for program in stack.plan.gateways]
        await until_more(newcomers)
        began = now()
        old = [workers_of(arbiter) for arbiter in arbiters]
        for arbiter in arbiters:
            os.kill(arbiter, signal.SIGHUP)
        for arbiter, workers in zip(arbiters, old, strict=True):
            await until_replaced(arbiter, workers)
        took_s = now() - began
        assert await ends_of(clients) == {1012}
        await until_more(newcomers)
        refused = await refusals(stack)
    report("four gateways reloaded", newcomers, took_s, refused_by_gateways=refused)
    assert refused == 0


@pytest.mark.haproxy
async def test_nobody_is_turned_away_while_four_gateways_are_restarted() -> None:
    """SIGTERM to one gateway after the other, and each is started again; HAProxy hears of each that it goes away."""
    async with launched(cluster_plan(DRAIN_SECONDS=DRAIN_SECONDS)) as (stack, lines):
        gateways = [program.name for program in stack.plan.gateways]
        async with coming(stack.plan.front, RATE) as newcomers:
            began = now()
            for gateway in gateways:
                assert await stack.stop_one(gateway) == 0
                await stack.start_one(gateway)
                await stack.until_ready(gateway)
                await until_state(stack, gateway, "UP")
            took_s = now() - began
            refused = await refusals(stack)
        report("four gateways restarted", newcomers, took_s, refused_by_gateways=refused)
        # With no client at all, and all at once, it hears it too.
        lines.clear()
        assert await asyncio.gather(*(stack.stop_one(gateway) for gateway in gateways)) == [0] * GATEWAY_COUNT
        for gateway in gateways:
            assert any(f"gateways/{gateway} is stopping" in line for line in lines["haproxy"])


async def test_nobody_is_turned_away_by_a_gateway_that_is_reloaded_with_nothing_before_it(tmp_path: Path) -> None:
    """Straight on its port: two SIGHUPs, one for settings that cannot be used, and a second worker for a while."""
    (conf := tmp_path / "conf").write_text("LOG_LEVEL=INFO\n", encoding="utf-8")
    plan = under_gunicorn(run_plan(DRAIN_SECONDS=DRAIN_SECONDS, TICKGATE_CONFIG=str(conf)))
    async with launched(plan) as (stack, lines), coming(plan.front, RATE) as newcomers:
        arbiter = stack["gateway"].pid
        async with subscribers(ws_url(stack), EACH) as clients:
            began = now()
            old = workers_of(arbiter)
            for _ in range(2):
                os.kill(arbiter, signal.SIGHUP)
            await until_replaced(arbiter, old)
            took_s = now() - began
            assert await ends_of(clients) == {1012}
            await until_more(newcomers)

        conf.write_text("LOG_LEVEL=LOUD\n", encoding="utf-8")
        async with subscribers(ws_url(stack), EACH) as clients:
            old = workers_of(arbiter)
            os.kill(arbiter, signal.SIGHUP)
            await until_logged(lines, "settings stay as they are", 1)
            await until_more(newcomers)
            assert workers_of(arbiter) == old
            assert not any(client.closed for client in clients)

        conf.write_text("LOG_LEVEL=INFO\n", encoding="utf-8")
        # A second worker on the same port, and the first one goes.
        lives = count(lines, "prices of binance are live")
        os.kill(arbiter, signal.SIGTTIN)
        await until_logged(lines, "prices of binance are live", lives + 1)
        await until_more(newcomers)
        os.kill(arbiter, signal.SIGTTOU)
        await until_replaced(arbiter, old)
        await until_more(newcomers)
    report("gateway reloaded", newcomers, took_s)


async def test_a_reload_during_an_outage_of_the_bus_waits_for_its_end() -> None:
    """The old worker serves until the new one has prices; a stop meanwhile does not wait for that."""
    plan = under_gunicorn(run_plan(DRAIN_SECONDS=DRAIN_SECONDS))
    async with launched(plan) as (stack, lines):
        arbiter = stack["gateway"].pid
        async with subscribers(ws_url(stack), EACH) as clients, coming(plan.front, RATE) as newcomers:
            old = workers_of(arbiter)
            await stack.stop_one("valkey")
            await until_logged(lines, "Connection refused", 1)
            os.kill(arbiter, signal.SIGHUP)
            # Each worker says it once.
            await until_logged(lines, "Connection refused", 2)
            await until_more(newcomers)
            assert old < workers_of(arbiter)
            assert not any(client.closed for client in clients)
            began = now()
            await stack.start_one("valkey")
            await until_replaced(arbiter, old)
            took_s = now() - began
            assert await ends_of(clients) == {1012}
        report("gateway reloaded without a bus", newcomers, took_s)

        async with subscribers(ws_url(stack), EACH) as clients:
            await stack.stop_one("valkey")
            lines.clear()
            os.kill(arbiter, signal.SIGHUP)
            # The old worker has said it, or says it now.
            await until_logged(lines, "Connection refused", 1)
            began = now()
            assert await stack.stop_one("gateway") == 0
            # gunicorn itself would wait for fifteen seconds more than a drain takes.
            assert now() - began < 10
            assert await ends_of(clients) == {1012}


@pytest.mark.parametrize(
    "after_ms",
    [
        *(0, 5, 40, 160),
        *(pytest.param(its, marks=pytest.mark.long("deploy", "gateway", "market")) for its in (1, 2, 10, 20, 80, 320)),
    ],
)
async def test_a_stop_finds_the_worker_that_a_reload_just_starts(after_ms: int) -> None:
    """Wherever the successor is: not forked, booting, or waiting for the bus. No worker waits for the other."""
    address = Address("127.0.0.1", free_port(), "GATEWAY_PORT")
    env = {**os.environ, "GATEWAY_PORT": str(address.port), "BUS_URL": f"redis://127.0.0.1:{free_port()}"}
    arbiter = await asyncio.create_subprocess_exec(
        *GUNICORN,
        cwd=ROOT,
        env={**env, "DRAIN_SECONDS": "0.1"},
        start_new_session=True,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await answers(f"http://{address}/readyz", 503)
        began = now()
        arbiter.send_signal(signal.SIGHUP)
        await asyncio.sleep(after_ms / 1000)
        arbiter.terminate()
        _, said = await arbiter.communicate()
        # A worker waits for ten seconds for one that comes, and gunicorn for fifteen for its workers.
        assert now() - began < 8
        assert 0 == arbiter.returncode
        assert "ERROR" not in said.decode(), said.decode()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(arbiter.pid, signal.SIGKILL)


@pytest.mark.parametrize("with_worker", [False, True], ids=["before the other has a worker", "while its worker boots"])
async def test_nobody_is_turned_away_while_one_gunicorn_takes_over_from_another(with_worker: bool) -> None:
    """SIGUSR2 starts a second arbiter on the same socket; once the first is told to stop, newcomers are the other's."""
    async with running(run_plan(DRAIN_SECONDS=DRAIN_SECONDS)) as stack:
        address = Address("127.0.0.1", free_port(), "GATEWAY_PORT")
        # Not as part of the stack, for which a gateway ends when its first process does.
        first = await asyncio.create_subprocess_exec(
            *GUNICORN, cwd=ROOT, env={**stack["gateway"].env, "GATEWAY_PORT": str(address.port)}, start_new_session=True
        )
        try:
            await answers(f"http://{address}/readyz", 200)
            async with subscribers(f"ws://{address}/ws", EACH) as clients, coming(address, RATE) as newcomers:
                (worker,) = workers_of(first.pid)
                first.send_signal(signal.SIGUSR2)
                began = now()
                second = await _second_arbiter(first.pid, worker, with_worker=with_worker)
                assert not any(client.closed for client in clients)
                first.terminate()
                assert await first.wait() == 0
                took_s = now() - began
                assert await ends_of(clients) == {1012}
                await until_more(newcomers)
                os.kill(second, signal.SIGHUP)
                await until_replaced(second, workers_of(second))
                await until_more(newcomers)
            report("gunicorn replaced by another", newcomers, took_s)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(first.pid, signal.SIGKILL)
            await first.wait()


async def _second_arbiter(first: int, worker: int, *, with_worker: bool) -> int:
    """Wait until the first arbiter has another child than its worker, and perhaps until that has one too; the child."""
    found: set[int] = set()

    async def is_there() -> bool:
        found.update(child for child in workers_of(first) - {worker} if workers_of(child) or not with_worker)
        return bool(found)

    await eventually(is_there, within_s=20)
    return found.pop()


def under_gunicorn(plan: Plan) -> Plan:
    """The same plan, but that its gateway is a gunicorn."""
    (gateway,) = plan.gateways
    return replace(plan, gateways=(replace(gateway, command=GUNICORN),))


def count(lines: Lines, words: str) -> int:
    """How many lines of the gateway have these words."""
    return sum(words in line for line in lines["gateway"])


async def until_logged(lines: Lines, words: str, times: int) -> None:
    """Wait until so many lines of the gateway have these words."""
    await until(lambda: count(lines, words) >= times)


async def refusals(stack: Stack) -> int:
    """How often HAProxy was answered 5xx by a gateway, or not at all, and tried again: clients notice none of that."""
    rows = [await stats_of(stack, program.name) for program in stack.plan.gateways]
    return sum(int(row[column]) for row in rows for column in ("hrsp_5xx", "wretr", "wredis"))


async def until_more(newcomers: Newcomers, more: int = RATE // 2) -> None:
    """Wait until so many more have come and gone."""
    wanted = newcomers.outcomes.total() + more
    await until(lambda: newcomers.outcomes.total() >= wanted)


async def ends_of(clients: Iterable[Client]) -> set[int | None]:
    """The close codes of all, once each has ended."""
    return {await client.until_closed() for client in clients}


def workers_of(arbiter: int) -> set[int]:
    """The processes that an arbiter started."""
    return {int(child) for child in Path(f"/proc/{arbiter}/task/{arbiter}/children").read_text().split()}


async def until_replaced(arbiter: int, old: set[int]) -> None:
    """Wait until there is one worker, for a while the same, and none of the old ones."""
    seen: list[frozenset[int]] = []

    async def it_is() -> bool:
        seen.append(frozenset(workers_of(arbiter)))
        # Two signals may be two reloads.
        return len(seen) > STEADY and len({*seen[-STEADY:]}) == len(seen[-1]) == 1 and not seen[-1] & old

    await eventually(it_is, within_s=40)


def report(fault: str, newcomers: Newcomers, took_s: float, **figures: int) -> None:
    """Tell the figures; everybody was served."""
    refused = f"{sum(newcomers.failed.values())} of {newcomers.outcomes.total()}"
    tell(fault, took=took_s, refused=refused, slowest_newcomer=newcomers.slowest_s, **figures)
    assert newcomers.failed == {}
