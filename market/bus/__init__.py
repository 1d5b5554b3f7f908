"""The bus: what carries ticks, heartbeats and states between processes, in four roles.

- `Broker` publishes batches of messages and hands them to subscribers;
- `LastValues` has the newest payload of each topic;
- `TicketStore` keeps a value for one taker;
- `Leadership` says who of several may publish, and gives a token that publishing checks.

Payloads are bytes and topics are opaque strings. `market.topics` and `market.codec` say what they mean; the bus does
not know. `open_bus` finds the implementation of a URL: `market.bus.memory` serves one process and its tests,
`market.bus.redis` is Redis or Valkey. Each role has a contract suite, ``tests/market/bus/test_<role>.py``, that every
implementation passes against its real server.
"""

from market.bus.broker import Batch, Broker, BusSubscription, Message, Receiver
from market.bus.errors import BusDownError, BusUrlError, LeaseLostError
from market.bus.last_values import LastValues
from market.bus.leadership import Leadership, Token
from market.bus.registry import Bus, open_bus
from market.bus.tickets import TicketStore

__all__ = [
    "Batch",
    "Broker",
    "Bus",
    "BusDownError",
    "BusSubscription",
    "BusUrlError",
    "LastValues",
    "Leadership",
    "LeaseLostError",
    "Message",
    "Receiver",
    "TicketStore",
    "Token",
    "open_bus",
]
