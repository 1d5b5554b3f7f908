"""Prices of tickgate: exact, with the state of each, over connections that are made again by themselves.

    async with tickgate_client.connect("ws://127.0.0.1:8080/ws") as stream:
        await stream.subscribe("BTC")
        async for tick in stream:
            print(tick.symbol, tick.bid, tick.ask)

A message takes this way:

    driver ─text─▶ core ─▶ prices ─▶ inbox ─▶ the caller
                    │  ◀─ requests (what is subscribed to) · states · liveness · backoff · clock

``stream``         for programs with asyncio
``sync``           the same for programs without asyncio
``driver``         carries out what the core wants, in an event loop
``dial``           makes one WebSocket connection
``core``           the whole client without I/O: messages and times in, actions and events out
``actions``        what the core asks its driver to do
``requests``       commands under way, and what their answers mean
``subscriptions``  what is wanted, and the commands that ask for it
``prices``         ticks as they come: the newest of each symbol
``continuity``     of every tick: what came last, and where one is missing
``states``         whether the price of each symbol is current
``liveness``       whether the gateway still speaks
``backoff``        when to connect again
``credentials``    whether there is another token, and when to get it
``clock``          the gateway's time
``inbox``          what was not taken yet, bounded
``wire``           messages as JSON
``tick``           a tick: integers, and decimals made of them
``events``         what is told beside ticks
``errors``         what is raised
``frames``         ticks as a table of Polars or pandas
``version``        the version of this package
"""

from tickgate_client.errors import ClosedError, NotConnectedError, RefusedError, SubscribeError, TickgateError
from tickgate_client.events import Connected, Disconnected, Event, Gap, Problem, State, Stats
from tickgate_client.frames import to_pandas, to_polars
from tickgate_client.liveness import Limits
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
