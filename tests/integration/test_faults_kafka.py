"""Kafka as the bus fails in every way that clients may notice: what they see, and for how long."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from deploy.launcher.programs import Plan
from deploy.launcher.stack import Stack
from tests.client import Client
from tests.integration.faults import (
    Lines,
    assert_stayed,
    assert_unaware,
    launched,
    now,
    subscribers,
    tell,
    until_current,
    until_more,
    until_stale,
    url_of,
    with_gateways,
)
from tests.integration.stacks import eventually, run_plan, ws_url
from tests.kafka import KafkaNode, cluster, node
from tests.valkey import Valkey

pytestmark = [pytest.mark.integration, pytest.mark.long("gateway", "poller", "market", "deploy/kafka.sh")]

OUTAGE_S = 6
ELECTED_WITHIN_S = 12
"""A dead broker is found out after three seconds here; then partitions have other leaders, which clients look for."""


def plan_on(nodes: list[KafkaNode], valkey: Valkey, **settings: str) -> Plan:
    """Poller and gateway on brokers that run already."""
    servers = ",".join(f"127.0.0.1:{its.port}" for its in nodes)
    variables = {"BUS_URL": f"kafka://{servers}", "STORE_URL": valkey.url, "BUS_PARTITIONS": "3", **settings}
    return run_plan(**variables)


@asynccontextmanager
async def on_one(folder: Path, valkey: Valkey, **settings: str) -> AsyncIterator[tuple[KafkaNode, Stack, Lines]]:
    """A single broker, a poller and a gateway."""
    with ExitStack() as exits:
        its = await asyncio.to_thread(exits.enter_context, node(folder))
        async with launched(plan_on([its], valkey, **settings), within_s=60) as (stack, lines):
            yield its, stack, lines


async def start(its: KafkaNode) -> None:
    """Start a broker again, and wait until it takes connections."""
    its.start()
    await asyncio.to_thread(its.until_ready)


async def test_a_broker_that_is_killed_and_comes_back(tmp_path: Path, valkey: Valkey) -> None:
    """Clients hear `stale`, then `live`; nobody is disconnected, and the gateway goes on where it stood."""
    async with (
        on_one(tmp_path, valkey) as (broker, stack, _),
        subscribers(ws_url(stack), conflate=False) as clients,
    ):
        await until_more(clients)
        until = now() + OUTAGE_S
        await asyncio.to_thread(broker.stop)
        stale_after = await until_stale(clients, "")
        await asyncio.sleep(until - now())
        await start(broker)
        back_after = await until_current(clients, within_s=20)
        assert_stayed(clients)
        tell("broker killed", stale_after=stale_after, back_after=back_after)


async def test_a_broker_that_is_stopped_in_order_and_started_again(tmp_path: Path, valkey: Valkey) -> None:
    """A restart is an outage of its own length: no group has to find itself again after it."""
    async with on_one(tmp_path, valkey) as (broker, stack, _), subscribers(ws_url(stack)) as clients:
        began = now()
        await asyncio.to_thread(broker.stop, signal.SIGTERM)
        down_s = now() - began
        await start(broker)
        up_s = now() - began - down_s
        back_after = await until_current(clients, within_s=20)
        assert_stayed(clients)
        tell("broker restarted", stopping=down_s, starting=up_s, back_after=back_after)


async def test_a_broker_that_is_frozen(tmp_path: Path, valkey: Valkey) -> None:
    """Its connections stay open and nothing comes: clients hear `stale` in time, and are current after it."""
    async with on_one(tmp_path, valkey) as (broker, stack, _), subscribers(ws_url(stack)) as clients:
        until = now() + OUTAGE_S
        broker.send(signal.SIGSTOP)
        try:
            stale_after = await until_stale(clients, "")
            await asyncio.sleep(until - now())
        finally:
            broker.send(signal.SIGCONT)
        back_after = await until_current(clients, within_s=20)
        assert_stayed(clients)
        tell("broker frozen", stale_after=stale_after, back_after=back_after)


async def test_one_of_three_brokers_is_killed(tmp_path: Path, valkey: Valkey) -> None:
    """Each in turn: the two others go on as soon as they have found it out, and clients are current again."""
    with ExitStack() as exits:
        nodes = await asyncio.to_thread(exits.enter_context, cluster(tmp_path))
        plan = plan_on(nodes, valkey)
        async with launched(plan, within_s=60) as (stack, _), subscribers(ws_url(stack), conflate=False) as clients:
            for number, its in enumerate(nodes, 1):
                began = now()
                await asyncio.to_thread(its.stop)
                await asyncio.sleep(0.5)
                await until_current(clients, within_s=ELECTED_WITHIN_S + 8)
                stale_s = await _steady(clients) - began
                await start(its)
                await until_more(clients)
                assert_stayed(clients)
                tell(f"broker {number} of 3 killed", current_after=stale_s)


async def _steady(clients: list[Client]) -> float:
    """Wait until prices have gone on for some seconds without a `stale`; return when they began to."""
    while True:
        since = now()
        count = sum(len(client.messages) for client in clients if client.messages)
        stale = sum(message.get("feed") == "stale" for client in clients for message in client.messages)
        await asyncio.sleep(5)
        if stale == sum(message.get("feed") == "stale" for client in clients for message in client.messages):
            await until_current(clients)
            assert count
            return since


async def test_programs_that_start_again_find_no_rebalance(tmp_path: Path, valkey: Valkey) -> None:
    """Gateways come and go, and no other one notices: none of them is a member of a group."""
    with ExitStack() as exits:
        its = await asyncio.to_thread(exits.enter_context, node(tmp_path))
        plan = with_gateways(plan_on([its], valkey), bystander={}, restarted={})
        async with launched(plan) as (stack, lines):

            async def is_live() -> bool:
                return any("are live" in line for line in lines["bystander"])

            # A poller that begins leaves out what was outdated before its first ticks were on the bus.
            await eventually(is_live, within_s=20)
            async with subscribers(url_of(stack, "bystander"), conflate=False) as bystanders:
                for _ in range(3):
                    await stack.stop_one("restarted")
                    began = now()
                    await stack.start_one("restarted")
                    await stack.until_ready("restarted")
                    async with subscribers(url_of(stack, "restarted")):
                        tell("gateway started again", prices_after=now() - began)
                await until_more(bystanders)
                assert_unaware(bystanders)


async def test_a_poller_takes_over_from_a_frozen_one(tmp_path: Path, valkey: Valkey) -> None:
    """What the first one sends when it wakes up is refused; no client sees a seq go back."""
    with ExitStack() as exits:
        its = await asyncio.to_thread(exits.enter_context, node(tmp_path))
        plan = plan_on([its], valkey)
        plan = replace(plan, other_pollers=(replace(plan.poller, name="second"),))
        async with launched(plan) as (stack, lines), subscribers(ws_url(stack), conflate=False) as clients:
            leader = "second" if any("standing by" in line for line in lines["poller"]) else "poller"
            (other,) = {"poller", "second"} - {leader}

            async def is_taken_over() -> bool:
                return any("leading: this poller publishes" in line for line in lines[other])

            stack[leader].send(signal.SIGSTOP)
            began = now()
            await eventually(is_taken_over, within_s=30)
            await until_current(clients, within_s=30)
            taken_after = now() - began
            stack[leader].send(signal.SIGCONT)
            await until_more(clients)
            assert_stayed(clients)
            tell("leading poller frozen", current_after=taken_after)


async def test_a_gateway_that_lags_goes_on_where_it_stood(tmp_path: Path, valkey: Valkey) -> None:
    """A gateway that was frozen reads what it missed, and is current: the log has it all."""
    async with (
        on_one(tmp_path, valkey, SIM_TICKS_PER_S="2000") as (_, stack, _lines),
        subscribers(ws_url(stack)) as clients,
    ):
        stack["gateway"].send(signal.SIGSTOP)
        await asyncio.sleep(OUTAGE_S)
        stack["gateway"].send(signal.SIGCONT)
        began = now()
        await until_current(clients, within_s=30)
        tell("gateway frozen for 6 s at 2,000 ticks/s", current_after=now() - began)
        assert_stayed(clients)


def _ids(admin: AdminClient) -> dict[str, str]:
    """Topic → its id, of those that there are: one that is made again has another."""
    ids = {}
    for name, described in admin.describe_topics(TopicCollection(["ticks", "last"])).items():
        with suppress(KafkaException):
            ids[name] = str(described.result(20).topic_id)
    return ids


async def test_topics_that_are_deleted(tmp_path: Path, valkey: Valkey) -> None:
    """The poller makes both again, and all last values are there for who comes next."""
    async with on_one(tmp_path, valkey) as (broker, stack, _), subscribers(ws_url(stack)) as clients:
        admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{broker.port}"})
        before = await asyncio.to_thread(_ids, admin)

        async def are_made_again() -> bool:
            after = await asyncio.to_thread(_ids, admin)
            return before.keys() == after.keys() and not {*before.values()} & {*after.values()}

        for done in (await asyncio.to_thread(admin.delete_topics, ["ticks", "last"])).values():
            await asyncio.to_thread(done.result, 20)
        began = now()
        await eventually(are_made_again, within_s=30)
        await until_current(clients, within_s=30)
        async with subscribers(ws_url(stack)):
            tell("topics deleted", current_after=now() - began)
        await until_more(clients)
        assert_stayed(clients)


async def test_the_store_is_lost(tmp_path: Path) -> None:
    """Without the store nobody leads: clients hear `stale`, and are current again when it is back."""
    valkey = Valkey()
    valkey.start()
    try:
        async with on_one(tmp_path, valkey) as (_, stack, _lines), subscribers(ws_url(stack)) as clients:
            valkey.stop()
            stale_after = await until_stale(clients, "")
            await asyncio.sleep(2)
            valkey.start()
            back_after = await until_current(clients)
            assert_stayed(clients)
            tell("store killed", stale_after=stale_after, back_after=back_after)
    finally:
        valkey.stop()
