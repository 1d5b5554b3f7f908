"""Prices of tickgate: exact, with the state of each, over connections that are made again by themselves.

    async with tickgate_client.connect("ws://127.0.0.1:8080/ws") as stream:
        await stream.subscribe("BTC")
        async for tick in stream:
            print(tick.symbol, tick.bid, tick.ask)

A message takes this way:

    driver ─text─▶ core ─▶ prices ─▶ inbox ─▶ the caller
                    │  ◀─ protocol (what is subscribed to) · states · connection (liveness, backoff, token, clock)

``sync``        for programs without asyncio: the stream in a thread
``stream``      for programs with asyncio
``frames``      ticks as a table of Polars or pandas
``transport``   all I/O: the driver of the core in an event loop, and WebSocket connections
``core``        the whole client without I/O: messages and times in, actions and events out
``protocol``    what is subscribed to, the commands that ask for it, and messages as JSON
``actions``     what the core asks its driver to do
``prices``      prices as they come, and whether each is current
``connection``  whether the gateway still speaks, when to connect again, with which token, and the gateway's time
``inbox``       what was not taken yet, bounded
``events``      what is told beside ticks
``tick``        a tick: integers, and decimals made of them
``errors``      what is raised
``version``     the version of this package

Each imports only from those below it. The lists of the packages are in the same order.
"""

from tickgate_client.connection.liveness import Limits
from tickgate_client.errors import ClosedError, NotConnectedError, RefusedError, SubscribeError, TickgateError
from tickgate_client.events import Connected, Disconnected, Event, Gap, Problem, State, Stats
from tickgate_client.frames import to_pandas, to_polars
from tickgate_client.stream import Stream, connect
from tickgate_client.sync import SyncStream, connect_sync
from tickgate_client.tick import Tick, format_price
from tickgate_client.version import VERSION

__version__ = VERSION

__all__ = [
    "ClosedError",
    "Connected",
    "Disconnected",
    "Event",
    "Gap",
    "Limits",
    "NotConnectedError",
    "Problem",
    "RefusedError",
    "State",
    "Stats",
    "Stream",
    "SubscribeError",
    "SyncStream",
    "Tick",
    "TickgateError",
    "__version__",
    "connect",
    "connect_sync",
    "format_price",
    "to_pandas",
    "to_polars",
]
