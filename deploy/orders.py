"""``tickgate kick`` and ``tickgate revoke``: tell every gateway to end connections, by way of the bus."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from gateway.settings import Settings
from market.bus import BusDownError, BusOptions, NoStoreError, open_bus
from market.bus.orders import LONGEST_S
from market.errors import MarketError
from market.process.printable import complain
from market.process.usage import Parser, of_settings
from market.settings.config import layered
from market.settings.environ import Environ, SettingError
from market.wire.orders import KICK_S, AnyOrder, Kick, Revoke, encode_order, name_of

_MOST_LETTERS: Final = 200
_DAY_S: Final = 86_400
_REVOKED_S: Final = 30 * _DAY_S

SETTINGS: Final = {
    "BUS_URL": "the bus of the gateways: redis://127.0.0.1:6379/0",
    "STORE_URL": "the Redis beside it, if the bus is Kafka",
    "TICKGATE_CONFIG": "a file of NAME=VALUE lines",
}


def kick(arguments: Sequence[str], program: str = "tickgate kick") -> int:
    """Kick a subject; the exit code is 0 if the bus took the order, 1 if not, 2 for wrong arguments."""
    parser = Parser(
        program,
        "Close every connection of one subject, at all gateways, with 4410: our clients then stay away by themselves.\n"
        "A token is still good for another connection; tickgate revoke ends that.",
        of_settings(SETTINGS),
    )
    parser.add_argument("subject", metavar="SUBJECT", help="the claim `sub` of its tokens")
    options = parser.parse_args(arguments)
    if problem := _unusable(options.subject):
        parser.error(f"SUBJECT {problem}")
    done = f"told all gateways to close the connections of {options.subject!a}"
    return _give(Kick(options.subject), KICK_S, program, done)


def revoke(arguments: Sequence[str], program: str = "tickgate revoke") -> int:
    """Revoke a token; the exit code is as for `kick`."""
    parser = Parser(
        program,
        "Let in no token with this id, at any gateway, and close the connections that it opened, with 4401.\n"
        "Only a token with the claim `jti` can be revoked.",
        of_settings(SETTINGS),
    )
    parser.add_argument("token_id", metavar="ID", help="the claim `jti` of the token")
    parser.add_argument(
        "--until",
        metavar="TIME",
        help="when the token expires by itself, as 2027-01-31T12:00Z or in Unix seconds (default: in 30 days)",
    )
    options = parser.parse_args(arguments)
    if problem := _unusable(options.token_id):
        parser.error(f"ID {problem}")
    now_s = time.time()
    try:
        until_s = now_s + _REVOKED_S if options.until is None else _unix_s(options.until)
    except ValueError:
        parser.error(f"--until {options.until!a} is no time; write 2027-01-31T12:00Z, or Unix seconds")
    if not now_s < until_s <= now_s + LONGEST_S:
        parser.error(f"--until must be later than now, by {LONGEST_S // _DAY_S} days at most")
    end = datetime.fromtimestamp(until_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    done = f"told all gateways to refuse the token {options.token_id!a} until {end}"
    return _give(Revoke(options.token_id), until_s - now_s, program, done)


def _unusable(name: str) -> str:
    if not 0 < len(name) <= _MOST_LETTERS:
        return f"must have 1 to {_MOST_LETTERS} letters"
    return "" if name.isprintable() else "has letters that cannot be printed"


def _unix_s(text: str) -> float:
    """Raises ValueError: it is no time."""
    if text.isdigit():
        return float(text)
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _give(order: AnyOrder, ttl_s: float, program: str, done: str) -> int:
    try:
        with layered(os.environ) as variables:
            asyncio.run(_send(order, ttl_s, variables))
    except NoStoreError as error:
        complain(f"{program}: {error}")
        return 2
    except BusDownError as error:
        complain(f"{program}: the bus did not take it: {error}")
        return 1
    except MarketError as error:
        complain(f"{program}: {error}")
        return 2
    print(f"{program}: {done}")
    return 0


async def _send(order: AnyOrder, ttl_s: float, variables: Mapping[str, str]) -> None:
    environ = Environ(variables)
    bus_url, store_url = (
        environ.bus_url("BUS_URL", Settings().bus_url, "BUS_PASSWORD_FILE"),
        environ.store_url("STORE_URL", "STORE_PASSWORD_FILE"),
    )
    if bus_url.startswith("memory:"):
        raise SettingError("BUS_URL memory:// is within one process; no other one can tell it anything")
    bus = open_bus(bus_url, BusOptions(store_url=store_url))
    try:
        await bus.orders.give(name_of(order), encode_order(order), ttl_s)
    finally:
        await bus.aclose()
