"""What our user may do on each node of a cluster: users and their rights are not replicated."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from redis.exceptions import ResponseError

from deploy.checks.finding import Finding
from deploy.checks.rights import LACKING, Need, Program, needed_by
from market.bus.redis.cluster.connection.url import Address
from market.bus.redis.cluster.roles.layout import ORDERS, PRESENCES, channel, partition_key, stand_by_key, ticket_key

_KEY: Final = partition_key(0)
_CHANNEL: Final = channel("x", 0)

_BOTH: Final = "poller", "gateway"
_ALL: Final = *_BOTH, "operator"
_READS: Final = ("type",), ("hget", "x"), ("hkeys",), ("hstrlen", "x")
_WRITES: Final = ("hset", "x", "y"), ("hdel", "x"), ("del",), ("pexpire", "1")


def _keyed(programs: Sequence[str], key: str, *commands: Sequence[str]) -> Iterator[Need]:
    for program in programs:
        for name, *rest in commands:
            yield Need(program, (name, key, *rest), key=key)


def _sent(programs: Sequence[str], *words: str, channel: str = "", key: str = "") -> Iterator[Need]:
    for program in programs:
        yield Need(program, words, key=key, channel=channel)


NEEDS: Final = (
    *_keyed(_BOTH, _KEY, *_READS),
    *_keyed(("poller",), _KEY, ("hset", "x", "y"), ("del",)),
    *_keyed(_BOTH, PRESENCES, ("type",), ("hlen",), ("hget", "x"), ("hgetall",), *_WRITES),
    *_keyed(("gateway", "operator"), ORDERS, ("hlen",), *_READS),
    *_keyed(("operator",), ORDERS, *_WRITES),
    *_keyed(("poller",), stand_by_key("x"), ("set", "x", "px", "1"), ("getdel",)),
    *_keyed(("gateway",), ticket_key("x"), ("set", "x", "px", "1"), ("getdel",)),
    *_sent(_ALL, "time"),
    *_sent(_ALL, "asking"),
    *_sent(("poller",), "spublish", _CHANNEL, "x", channel=_CHANNEL),
    *_sent(_BOTH, "ssubscribe", _CHANNEL, channel=_CHANNEL),
    *_sent(_BOTH, "ping"),
    *(need for key in (_KEY, PRESENCES) for need in _sent(_BOTH, "eval", "return 1", "1", key, key=key)),
    *_sent(("gateway", "operator"), "eval", "return 1", "1", ORDERS, key=ORDERS),
)
"""Everything that they send. Those that no check would come far without (``CLUSTER SLOTS``) are not here."""
_READING: Final = "+cluster|slots +cluster|info +asking +eval +type +time +hget +hkeys +hlen +hstrlen"
_PARTITIONS: Final = "~{tickgate:?} ~{tickgate:??} ~{tickgate:???} ~{tickgate:0}presences"
RULES: Final[Mapping[Program | None, str]] = {
    None: f"+client|setinfo {_READING} +ping +hgetall +hset +hdel +del +pexpire +spublish +ssubscribe +set +getdel"
    " ~{tickgate:* ~ticket.* &{tickgate:*",
    "poller": f"+client|setinfo {_READING} +ping +hgetall +hset +hdel +del +pexpire +spublish +ssubscribe +set +getdel"
    f" {_PARTITIONS} ~{{tickgate:0}}standby.* &{{tickgate:*",
    "gateway": f"+client|setinfo {_READING} +ping +hgetall +ssubscribe {_PARTITIONS} ~{{tickgate:0}}orders"
    " &{tickgate:*"
    " (+hset +hdel +del +pexpire ~{tickgate:0}presences) (+set +getdel ~ticket.*)",
    "operator": f"+client|setinfo {_READING} +hset +hdel +del +pexpire ~{{tickgate:0}}orders",
}
"""What gives a user all that is needed."""


def needs_of(program: Program | None) -> list[Need]:
    """What one program sends, or poller and gateway."""
    return [need for need in NEEDS if need.program == program or (program is None and need.program in _BOTH)]


async def lacking_rights(ask: Callable[..., Awaitable[Any]], program: Program | None = None) -> str:
    """What our user may not do on one node, in words; empty if nothing is lacking."""
    needs = needs_of(program)
    try:
        answer = await ask(b"EVAL", LACKING, b"0", *(need.encoded for need in needs))
    except ResponseError as error:
        if "NOPERM" not in str(error):
            raise
        return "EVAL"
    lacking = [needs[number - 1] for number in (answer or [])[::2]]
    return ", ".join(dict.fromkeys(f"{need.words[0].upper()}{need.subject}" for need in lacking))


def rights_of(lacking: Mapping[Address, str], user: str, program: Program | None = None) -> Iterator[Finding]:
    """What is lacking on which nodes."""
    fix = f"on every node: ACL SETUSER {user} {RULES[program]}"
    for what in sorted({its for its in lacking.values() if its}):
        where = [str(address) for address, its in lacking.items() if its == what]
        nodes = "every node" if len(where) == len(lacking) else ", ".join(where)
        yield Finding("wrong", "rights", f"on {nodes} user {user} may not do what {needed_by(program)}: {what}", fix)
    if lacking and not any(lacking.values()):
        yield Finding("ok", "rights", f"user {user} may do all that {needed_by(program)}, on every node")
