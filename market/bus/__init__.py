"""The bus: it carries ticks, heartbeats and states between processes, in six roles.

- `Broker` publishes batches of messages and hands them to subscribers;
- `LastValues` has the newest payload of each topic;
- `TicketStore` keeps a value for one taker;
- `Presence` says which processes are there;
- `Orders` are what operators tell all gateways;
- `Leadership` says who of several may publish, and gives a token that publishing checks.

Payloads are bytes and topics are opaque strings. `market.wire` says what they mean; the bus does not know. Each role
has a contract suite, ``tests/market/bus/test_<role>.py``, that every implementation passes against its real server.

- ``broker``, ``last_values``, ``tickets``, ``leadership``, ``presence``, ``orders``: the six roles, each a Protocol;
- ``partitions``: the parts of a bus that may lie on different servers;
- ``registry``: finds the implementation of a URL (`open_bus`);
- ``memory``: the bus within one process, for tests and for embedding;
- ``redis``: the bus on Redis or Valkey;
- ``kafka``: the bus on Apache Kafka;
- ``secret_file``: a password in a file;
- ``store``: leases and tickets for a bus that has none of its own;
- ``errors``: the errors of every implementation.
"""

from market.bus.broker import Batch, Broker, BusSubscription, Message, Receiver
from market.bus.errors import BusDownError, BusUrlError, LeaseLostError, NoStoreError
from market.bus.last_values import LastValues
from market.bus.leadership import Leadership, Token
from market.bus.orders import Orders
from market.bus.partitions import MAX_PARTITIONS, in_partition, partition_of
from market.bus.presence import Presence
from market.bus.registry import Bus, BusOptions, has_symbol_channels, open_bus, open_store
from market.bus.tickets import TicketStore

__all__ = [
    "MAX_PARTITIONS",
    "Batch",
    "Broker",
    "Bus",
    "BusDownError",
    "BusOptions",
    "BusSubscription",
    "BusUrlError",
    "LastValues",
    "Leadership",
    "LeaseLostError",
    "Message",
    "NoStoreError",
    "Orders",
    "Presence",
    "Receiver",
    "TicketStore",
    "Token",
    "has_symbol_channels",
    "in_partition",
    "open_bus",
    "open_store",
    "partition_of",
]
