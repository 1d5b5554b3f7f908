"""Keys and channels on a cluster. Processes of all versions on one bus must agree on them.

Partition ``p`` has one key, the hash ``{tickgate:p}``, and channels ``{tickgate:p}<topic>``. All have the same hash
tag, hence one slot, and one script may use all of them. Since it is one key, it is on one node or on the other while
its slot moves, never half on each.

The hash has a field for the last value of each topic, named like the topic, and fields of our own, which begin with
``#``: ``#lease.<name>`` and ``#partitions``. A lease's field is ``<epoch> <end> <owner>``, with the end in milliseconds
by the node's clock. It stays when the lease has ended, because the epoch must grow. The field of partition 0 is the
lease itself; that of every other one is the fence of that partition: it says whose messages the partition takes.
``#partitions`` in partition 0 is the number of partitions by the word of the last publisher.

With the colon, the partitions 0 to 7 are spread over two, three or four equal nodes as evenly as that is possible.
"""

from typing import Any, Final

from market.bus.partitions import MAX_PARTITIONS, partition_of
from market.bus.redis.cluster.connection.client import ClusterClient

_READ_PARTITIONS: Final = b"local it = redis.pcall('HGET', KEYS[1], '#partitions') return type(it) == 'string' and it"
"""The key may be of another kind."""


def partition_key(partition: int) -> str:
    """The key of a partition; each of its channels begins with it."""
    return f"{{tickgate:{partition}}}"


PRESENCES: Final = f"{partition_key(0)}presences"
"""The key of `market.bus.redis.roles.presence`."""
ORDERS: Final = f"{partition_key(0)}orders"
"""The key of `market.bus.redis.roles.orders`."""


def channel(topic: str, partition: int) -> str:
    """The sharded channel of ``topic`` in a partition."""
    return partition_key(partition) + topic


def partitions_with(topic: str, partitions: int) -> set[int]:
    """The partitions that messages of ``topic`` come in: its own, and if it names none, partition 0 for a barrier."""
    return {partition_of(topic, partitions), partition_of(topic, 1)}


def field_of(topic: str) -> str:
    """The field of the last value of ``topic``."""
    return f"#{topic}" if topic.startswith("#") else topic


def topic_of(field: str) -> str:
    """The topic whose last value is in ``field``."""
    return field.removeprefix("#")


def lease_field(lease: str) -> str:
    """The field of a lease, or of its fence."""
    return f"#lease.{lease}"


def stand_by_key(lease: str) -> str:
    """The key that names a process that could lead."""
    return f"{partition_key(0)}standby.{lease}"


def ticket_key(key: str) -> str:
    """The key of a ticket; tickets are spread over all nodes."""
    return f"ticket.{key}"


async def partitions_in_use(client: ClusterClient, default: int) -> int:
    """The number of partitions that the last publisher used; ``default`` if there was none.

    Raises:
        BusDownError: the cluster did not answer.
    """
    return as_partitions(await client.ask(partition_key(0), b"EVAL", _READ_PARTITIONS, 1, partition_key(0)), default)


def as_partitions(answer: Any, default: int) -> int:
    """Read a number of partitions: anybody may have written it."""
    if isinstance(answer, bytes) and answer.isdigit() and len(answer) < 6 and 1 <= int(answer) <= MAX_PARTITIONS:
        return int(answer)
    return default
