"""Keys on a Redis or Valkey server. Processes of all versions on one bus must agree on them.

A topic is its own channel. A topic ``<kind>.<name>`` has its last value in the hash ``<kind>s``, in the field
``<name>``; a topic without a dot has it in a string of its own name. So ``tick.BTCUSDT`` is kept in the hash ``ticks``
as ``BTCUSDT``, and ``states`` in the string ``states``.

Tickets, leases and stand-bys are strings that expire.
"""

from collections.abc import Iterable

from market.bus.broker import Message
from market.bus.leadership import Token


def value_key(topic: str) -> str:
    """The key that holds the last value of ``topic``: that of a hash, or its own."""
    kind, dot, _ = topic.partition(".")
    return f"{kind}s" if dot else topic


def value_keys(messages: Iterable[Message]) -> set[str]:
    """The keys of many messages, mostly of one kind. This runs for every published tick."""
    keys = set()
    kind: str | None = None
    for topic, _ in messages:
        if kind is None or not topic.startswith(kind):
            keys.add(value_key(topic))
            kind = topic[: topic.find(".") + 1] or None
    return keys


def ticket_key(key: str) -> str:
    """The server's key for ``key`` of the ticket store."""
    return f"ticket.{key}"


def lease_key(lease: str) -> str:
    """The key that holds the `lease_value` of the leader."""
    return f"lease.{lease}"


def stand_by_key(lease: str) -> str:
    """The key that names a process that could lead."""
    return f"standby.{lease}"


def lease_value(token: Token) -> str:
    """The value of a lease's key during the term of ``token``.

    It differs from term to term, so publishing can compare the whole value. Older versions wrote the owner alone and
    compare with that. For them this is another owner.
    """
    return f"{token.owner}#{token.epoch}"
