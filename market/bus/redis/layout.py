"""Where things lie on a Redis or Valkey server. Processes of all versions on one bus must agree on it.

A topic is its own channel. A topic ``<kind>.<name>`` has its last value in the hash ``<kind>s``, in the field
``<name>``; a topic without a dot has it in a string of its own name. So ``tick.BTCUSDT`` is kept in the hash ``ticks``
as ``BTCUSDT``, and ``states`` in the string ``states``.

Tickets, leases and stand-bys are strings that expire.
"""

from collections.abc import Iterable

from market.bus.broker import Message
from market.bus.leadership import Token


def value_key(topic: str) -> str:
    """The key in which the last value of ``topic`` lies: a hash's, or its own."""
    kind, dot, _ = topic.partition(".")
    return f"{kind}s" if dot else topic


def value_keys(messages: Iterable[Message]) -> set[str]:
    """Those of many messages, which mostly are of one kind: this runs for every tick that is published."""
    keys = set()
    kind: str | None = None
    for topic, _ in messages:
        if kind is None or not topic.startswith(kind):
            keys.add(value_key(topic))
            kind = topic[: topic.find(".") + 1] or None
    return keys


def ticket_key(key: str) -> str:
    """The key of what was put into the ticket store as ``key``."""
    return f"ticket.{key}"


def lease_key(lease: str) -> str:
    """The key that holds the `lease_value` of the leader."""
    return f"lease.{lease}"


def stand_by_key(lease: str) -> str:
    """The key that names a process that could lead."""
    return f"standby.{lease}"


def lease_value(token: Token) -> str:
    """What stands in a lease's key during the term of ``token``.

    It differs from term to term, so that publishing can compare it whole. Older versions wrote the owner alone, and
    compare with that: to them this is another owner.
    """
    return f"{token.owner}#{token.epoch}"
