"""What a user may do on the bus, beside what poller, gateway and operators need there."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, get_args

import msgspec
from msgspec import Struct

from gateway.settings import Settings
from market.bus import in_partition
from market.bus.redis.roles.layout import lease_key, stand_by_key, ticket_key, value_key
from market.bus.redis.roles.orders import ORDERS
from market.bus.redis.roles.presence import PRESENCES
from market.bus.store import LEASE_CHECKED
from market.prices.venues import DEFAULT_VENUE, VENUES, venue_of
from market.wire.topics import (
    batch_topic,
    heartbeat_topic,
    listing_change_topic,
    listing_topic,
    states_topic,
    stats_batch_topic,
    stats_topic,
    tick_topic,
)
from poller.publishing.leadership import lease_of
from poller.settings import PollerSettings

_MOST_SYMBOLS: Final = 500
"""A rule for channels seldom knows single symbols."""

LACKING: Final = b"""
if redis.acl_check_cmd == nil then return false end
local lacking = {}
for number, words in ipairs(ARGV) do
  local command = cjson.decode(words)
  if not redis.acl_check_cmd(unpack(command)) then
    local refusal = redis.pcall(unpack(command))
    lacking[#lacking + 1] = number
    lacking[#lacking + 1] = type(refusal) == 'table' and refusal.err or ''
  end
end
return lacking
"""
"""Arguments: commands, each a JSON list. The answer: the number of each that the user may not use, and the server's
words for it; nil of a server that cannot tell (before Redis 7.0). Only what is refused is tried, in the same step."""


Program = Literal["poller", "gateway", "operator"]
"""Who has a user on the bus; an operator, for ``tickgate kick`` and ``revoke``."""
PROGRAMS: Final[tuple[Program, ...]] = get_args(Program)
Part = Literal["command", "key", "channel"]
"""What a rule for a user is about."""


class Need(Struct, frozen=True):
    """A command that a program sends, alone or within a script."""

    program: str
    words: tuple[str, ...]
    key: str = ""
    channel: str = ""

    @property
    def encoded(self) -> bytes:
        """For `LACKING`."""
        return msgspec.json.encode(self.words)

    @property
    def subject(self) -> str:
        """What the command is about."""
        return f" on channel {self.channel}" if self.channel else f" on key {self.key}" if self.key else ""


def needs(pollers: Iterable[PollerSettings], gateway: Settings | None, program: Program | None = None) -> list[Need]:
    """Everything that all of them send to the bus, or that one ``program`` does."""
    if program == "operator":
        return list(_of_operator())
    both = [*(need for poller in pollers for need in _of_poller(poller)), *(_of_gateway(gateway) if gateway else ())]
    return [need for need in both if program in (None, need.program)]


def store_needs(
    pollers: Iterable[PollerSettings], gateway: Settings | None, program: Program | None = None
) -> list[Need]:
    """The same of the store that Kafka has beside it: leases and tickets, and who is there; prices are not."""
    if program == "operator":
        return list(_of_operator())
    venues = dict.fromkeys(poller.venue.name for poller in pollers)
    both = [need for venue in venues for need in (*_to_lead(venue), *_to_compare(), *_to_be_present("poller"))]
    if gateway is not None:
        both += *_of_tokens(gateway), *_to_be_present("gateway")
    return [need for need in both if program in (None, need.program)]


def needed_by(program: str | None) -> str:
    """``poller and gateway need`` for None, else ``a gateway needs``."""
    return "poller and gateway need" if program is None else f"{article(program)} needs"


def article(program: str) -> str:
    """``a poller``, ``an operator``."""
    return f"{'an' if program[0] in 'aeiou' else 'a'} {program}"


class Lack(Struct, frozen=True):
    """A need that is not met, and the part of it that the server refuses; None where it does not say."""

    need: Need
    part: Part | None


def lack(need: Need, refusal: str) -> Lack:
    """What the words of a ``refusal`` mean, from a script or for a command alone."""
    # Names of commands are quoted in it, HKEYS among them.
    if "run th" in refusal:
        return Lack(need, "command")
    if "channel" in refusal:
        return Lack(need, "channel")
    return Lack(need, "key" if "key" in refusal else None)


def described(lacking: Sequence[Need]) -> str:
    """``PUBLISH on channel tick.BTCUSDT and 2 more, HSET on key ticks``."""
    by_command: dict[str, list[Need]] = {}
    for need in lacking:
        by_command.setdefault(need.words[0].upper(), []).append(need)
    return ", ".join(
        f"{command}{its[0].subject}{f' and {len(its) - 1} more' if len(its) > 1 else ''}"
        for command, its in by_command.items()
    )


def rule(user: str, lacking: Iterable[Lack]) -> str:
    """The command that gives ``user`` what is lacking; patterns in place of single names."""
    words = set()
    for its in lacking:
        if its.part in ("command", None):
            words.add(f"+{its.need.words[0]}")
        if its.need.key and its.part in ("key", None):
            words.add(f"~{_pattern(its.need.key)}")
        if its.need.channel and its.part in ("channel", None):
            words.add(f"&{_pattern(its.need.channel)}")
    return f"ACL SETUSER {user} {' '.join(sorted(words))}"


def _pattern(name: str) -> str:
    partition, sign, topic = name.partition("#")
    if sign and partition.isdecimal():
        return f"*#{topic.partition('.')[0]}.*"
    for beginning in ("tick.", "stats.", "lease.", "standby.", "ticket."):
        if name.startswith(beginning):
            return f"{beginning}*"
    return name


def _keyed(program: str, key: str, *commands: str) -> Iterator[Need]:
    for command in commands:
        name, *rest = command.split()
        yield Need(program, (name, key, *rest), key=key)


def _script(program: str, keys: Sequence[str]) -> Iterator[Need]:
    """A script names its keys."""
    for key in keys:
        yield Need(program, ("eval", "return 1", "1", key), key=key)


def _to_be_present(program: str) -> Iterator[Need]:
    """So that operators see it at ``/ops``."""
    yield Need(program, ("time",))
    yield from _script(program, (PRESENCES,))
    yield from _keyed(program, PRESENCES, "type", "hlen", "hget x", "hgetall", "hset x y", "hdel x", "del", "pexpire 1")


def _of_operator() -> Iterator[Need]:
    me = "operator"
    yield Need(me, ("time",))
    yield from _script(me, (ORDERS,))
    orders = "type", "hlen", "hkeys", "hstrlen x", "hget x", "hset x y", "hdel x", "del", "pexpire 1"
    yield from _keyed(me, ORDERS, *orders)


def _to_lead(venue: str) -> Iterator[Need]:
    lease, me = lease_of(venue), "poller"
    yield from _script(me, (lease_key(lease),))
    yield from _keyed(me, lease_key(lease), "type", "get", "set x px 1", "del", "pexpire 1", "pttl")
    yield from _keyed(me, stand_by_key(lease), "set x px 1", "getdel")


def _to_compare() -> Iterator[Need]:
    """A publish to nobody compares the lease, and extends it."""
    for topic in (LEASE_CHECKED, in_partition(LEASE_CHECKED, 0)):
        yield Need("poller", ("publish", topic, "x"), channel=topic)


def _of_tokens(settings: Settings) -> Iterator[Need]:
    me = "gateway"
    if settings.auth.mode == "jwt":
        yield from _keyed(me, ticket_key("*"), "set x px 1", "getdel")
        yield from _script(me, (ORDERS,))
        yield from _keyed(me, ORDERS, "type", "hlen", "hkeys", "hstrlen x", "hget x")


def _of_poller(settings: PollerSettings) -> Iterator[Need]:
    venue, me = settings.venue.name, "poller"
    ticks, states = value_key(tick_topic("X")), value_key(states_topic(venue))
    stats, listings = value_key(stats_topic("X")), value_key(listing_topic(venue))
    yield from _to_lead(venue)
    yield from _script(me, (ticks, states, stats, listings))
    yield from _keyed(me, ticks, "type", "hkeys", "hstrlen x", "hget x", "hset x y", "del")
    if venue == DEFAULT_VENUE:
        yield from _keyed(me, states, "type", "strlen", "get", "set x")
    else:
        yield from _keyed(me, states, "type", "hstrlen x", "hget x", "hset x y", "del")
    for key in (stats, listings):
        yield from _keyed(me, key, "hset x y", "del")
    topics = [heartbeat_topic(venue), in_partition(listing_change_topic(venue), 0)]
    for number in range(settings.bus_partitions):
        of_partition = batch_topic(venue), heartbeat_topic(venue), stats_batch_topic(venue)
        topics += (in_partition(topic, number) for topic in of_partition)
    if settings.bus_symbol_channels == "on":
        names = settings.symbols.names[:_MOST_SYMBOLS]
        topics += *map(tick_topic, names), *map(stats_topic, names)
    for topic in topics:
        yield Need(me, ("publish", topic, "x"), channel=topic)
    # It listens for a moment whether other pollers publish as it does.
    for topic in map(heartbeat_topic, VENUES):
        yield Need(me, ("subscribe", topic), channel=topic)
    yield from _to_be_present(me)


def _of_gateway(settings: Settings) -> Iterator[Need]:
    me, names = "gateway", settings.symbols.names
    yield Need(me, ("ping",))
    # Listings of all venues are in one key.
    for key in map(value_key, (tick_topic("X"), stats_topic("X"), listing_topic("x"))):
        yield from _script(me, (key,))
        yield from _keyed(me, key, "type", "hstrlen x", "hget x")
    for venue in dict.fromkeys(map(venue_of, names)):
        states = value_key(states_topic(venue))
        reading = ("type", "strlen", "get") if venue == DEFAULT_VENUE else ("type", "hstrlen x", "hget x")
        yield from _keyed(me, states, *reading)
        # It learns the number of partitions from the poller; there is at least one.
        heartbeats = heartbeat_topic(venue)
        of_partition = heartbeats, batch_topic(venue), stats_batch_topic(venue), listing_change_topic(venue)
        for topic in (heartbeats, *(in_partition(its, 0) for its in of_partition)):
            yield Need(me, ("subscribe", topic), channel=topic)
    for topic in map(tick_topic, names[:_MOST_SYMBOLS]):
        yield Need(me, ("subscribe", topic), channel=topic)
    yield from _of_tokens(settings)
    yield from _to_be_present(me)
