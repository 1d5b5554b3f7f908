"""Clients that must have every tick, while the gateways that they are connected to are killed."""

import asyncio
import itertools
import signal
from dataclasses import replace

import pytest

from tests.integration.faults import bus_port
from tests.integration.recorder import Recorder, assert_every_tick
from tests.integration.resuming import SYMBOLS, Resuming, assert_has_all, until_each_has
from tests.integration.resuming_streams import ResumingStream
from tests.integration.stacks import cluster_plan, running, ws_url
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]

TICKS_PER_S = 1_000
CLIENTS = 8
STREAMS = 4
CALM_S = 1.5


async def test_no_tick_is_missed_when_gateways_are_killed() -> None:
    """At 1,000 ticks a second, clients whose gateways are killed have every tick of the bus, once and in order.

    So have streams of events, which know their last event alone; to them some may come twice.
    """
    plan = replace(cluster_plan(SYMBOLS=",".join(SYMBOLS), SIM_TICKS_PER_S=str(TICKS_PER_S)), restart=False)
    recorder = Recorder()
    async with running(plan) as stack, recorder.listening(bus_port(plan)):
        await until(lambda: len(recorder.published) == len(SYMBOLS))
        clients = [Resuming(ws_url(stack), batch=number % 2 == 0) for number in range(CLIENTS)]
        query = f"symbols={','.join(SYMBOLS)}&conflate=false"
        streams = [ResumingStream(f"http://{plan.front}/v1/stream?{query}") for _ in range(STREAMS)]
        both: list[Resuming | ResumingStream] = [*clients, *streams]
        tasks = [asyncio.create_task(client.run()) for client in both]
        await until(lambda: all(len(client.connections) == 1 for client in both))
        await asyncio.sleep(CALM_S)
        for gateway in plan.gateways[:3]:
            stack[gateway.name].send_all(signal.SIGKILL)
            await asyncio.sleep(CALM_S)
        await until_each_has(clients, int(4 * CALM_S * TICKS_PER_S / len(SYMBOLS) / 2))
        await asyncio.sleep(CALM_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    away_s = [seconds for client in clients for seconds in client.away_s]
    print(f"killed (kill -9): {len(away_s)} connections, the next tick after {max(away_s):.2f} s at most")  # noqa: T201
    assert [0] * CLIENTS == [client.gaps for client in clients]
    # Those of the last gateway stayed where they were.
    assert sum(len(client.connections) - 1 for client in clients) >= CLIENTS // 2
    for client in clients:
        assert_has_all(client, recorder.published)
    assert [0] * STREAMS == [stream.gaps for stream in streams]
    assert sum(len(stream.connections) - 1 for stream in streams) >= STREAMS // 2
    for stream, symbol in itertools.product(streams, SYMBOLS):
        seqs = stream.seqs(symbol)
        assert_every_tick(f"stream, {symbol}", seqs, recorder.published[symbol])
        assert 1 == stream.snapshots(symbol)
        assert len(seqs) > 4 * CALM_S * TICKS_PER_S / len(SYMBOLS) / 2
