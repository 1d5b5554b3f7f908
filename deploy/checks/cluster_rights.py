"""What our user may do on each node of a cluster: users and their rights are not replicated."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

from redis.exceptions import ResponseError

from deploy.checks.finding import Finding
from deploy.checks.rights import LACKING, Need
from market.bus.redis.cluster.connection.url import Address
from market.bus.redis.cluster.roles.layout import ORDERS, PRESENCES, channel, partition_key, stand_by_key, ticket_key

_KEY: Final = partition_key(0)
_CHANNEL: Final = channel("x", 0)

NEEDS: Final = (
    *(Need("gateway and poller", (name, _KEY, *rest), key=_KEY) for name, *rest in (
        ("type",), ("hget", "x"), ("hkeys",), ("hstrlen", "x")
    )),
    Need("poller", ("hset", _KEY, "x", "y"), key=_KEY),
    Need("poller", ("del", _KEY), key=_KEY),
    Need("gateway and poller", ("time",)),
    *(Need("gateway and poller", (name, PRESENCES, *rest), key=PRESENCES) for name, *rest in (
        ("hlen",), ("hgetall",), ("hset", "x", "y"), ("hdel", "x"), ("del",), ("pexpire", "1")
    )),
    *(Need("gateway", (name, ORDERS, *rest), key=ORDERS) for name, *rest in (
        ("hlen",), ("hkeys",), ("hstrlen", "x"), ("hget", "x")
    )),
    Need("poller", ("spublish", _CHANNEL, "x"), channel=_CHANNEL),
    *(Need("poller", (name, stand_by_key("x"), *rest), key=stand_by_key("x")) for name, *rest in (
        ("set", "x", "px", "1"), ("getdel",)
    )),
    *(Need("gateway", (name, ticket_key("x"), *rest), key=ticket_key("x")) for name, *rest in (
        ("set", "x", "px", "1"), ("getdel",)
    )),
    Need("gateway", ("ssubscribe", _CHANNEL), channel=_CHANNEL),
    Need("gateway", ("ping",)),
    Need("gateway and poller", ("asking",)),
    Need("gateway and poller", ("eval", "return 1", "1", _KEY), key=_KEY),
)  # fmt: skip
"""Everything that both send. Those that no check would come far without (``CLUSTER SLOTS``) are not here."""
RULE: Final = (
    "+eval +type +hget +hgetall +hset +hkeys +hlen +hdel +hstrlen +del +pexpire +time +spublish +ssubscribe +set"
    " +getdel +ping +asking +cluster|slots +cluster|info ~{tickgate:* ~ticket.* &{tickgate:*"
)
"""What gives a user all that is needed."""


async def lacking_rights(ask: Callable[..., Awaitable[Any]]) -> str:
    """What our user may not do on one node, in words; empty if nothing is lacking."""
    try:
        answer = await ask(b"EVAL", LACKING, b"0", *(need.encoded for need in NEEDS))
    except ResponseError as error:
        if "NOPERM" not in str(error):
            raise
        return "EVAL"
    lacking = [NEEDS[number - 1] for number in (answer or [])[::2]]
    return ", ".join(dict.fromkeys(f"{need.words[0].upper()}{need.subject}" for need in lacking))


def rights_of(lacking: Mapping[Address, str], user: str) -> Iterator[Finding]:
    """What is lacking on which nodes."""
    fix = f"on every node: ACL SETUSER {user} {RULE}"
    for what in sorted({its for its in lacking.values() if its}):
        where = [str(address) for address, its in lacking.items() if its == what]
        nodes = "every node" if len(where) == len(lacking) else ", ".join(where)
        yield Finding("wrong", "rights", f"on {nodes} user {user} may not do what is needed: {what}", fix)
    if not any(lacking.values()):
        yield Finding("ok", "rights", f"user {user} may do all that poller and gateway need, on every node")
