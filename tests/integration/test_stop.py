"""A gateway is told to stop."""

import asyncio
from dataclasses import replace
from signal import SIGINT, SIGTERM, Signals

import pytest

from deploy.launcher.programs import GUNICORN
from deploy.launcher.stack import Stack
from deploy.ports import Address, free_port
from deploy.process.program import Program
from tests.client import open_client
from tests.integration.stacks import answers, run_plan, running

pytestmark = [pytest.mark.integration, pytest.mark.measured]

DRAIN_SECONDS = "6"
WAYS = {
    "python-sigterm": (False, SIGTERM),
    "python-ctrl-c": (False, SIGINT),
    "gunicorn-sigterm": (True, SIGTERM),
    "gunicorn-ctrl-c": (True, SIGINT),
}


async def test_a_stop_is_graceful_however_the_gateway_is_run_and_told() -> None:
    """Unready by 404 while still serving, `shutdown`, 1012 for who stayed, exit code 0: by either server and signal."""
    plan = run_plan(DRAIN_SECONDS=DRAIN_SECONDS)
    gateways = tuple(_named(plan.gateways[0], name, gunicorn) for name, (gunicorn, _) in WAYS.items())
    # Several gateways on one bus, and nothing in front: each is stopped in its own way, all at once.
    async with running(replace(plan, gateways=gateways)) as stack, asyncio.TaskGroup() as group:
        for gateway, (_, signal_number) in zip(gateways, WAYS.values(), strict=True):
            group.create_task(_stop(stack, gateway, signal_number), name=gateway.name)


async def _stop(stack: Stack, gateway: Program, signal_number: Signals) -> None:
    address = gateway.listens[0]
    client = await open_client(f"ws://{address}/ws")
    try:
        await client.subscribe("BTC", conflate=False)
        process = stack[gateway.name]
        ended = asyncio.create_task(process.ended())
        # To everybody in the group, as a terminal does with Ctrl-C; else to the program alone, as a supervisor does.
        (process.send_all if signal_number is SIGINT else process.send)(signal_number)
        await answers(f"http://{address}/readyz", 404, within_s=30)
        assert not client.closed
        assert client.count("shutdown") == 0
        prices = len(client.prices["BTCUSDT"])
        await client.until(lambda client: client.count("shutdown") == 1)
        # It served on until then.
        assert len(client.prices["BTCUSDT"]) > prices
        assert await client.until_closed() == 1012
        async with asyncio.timeout(30):
            assert await ended == 0
        assert client.gaps() == []
    finally:
        await client.close()


def _named(gateway: Program, name: str, gunicorn: bool) -> Program:
    address = Address("127.0.0.1", free_port(), "GATEWAY_PORT")
    return replace(
        gateway,
        name=name,
        command=GUNICORN if gunicorn else gateway.command,
        env={**gateway.env, "GATEWAY_PORT": str(address.port)},
        listens=(address,),
    )
