"""One-time tickets, over a store in memory, on a virtual clock."""

import asyncio
import hashlib
import logging
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.auth.grant import ANONYMOUS, Grant
from gateway.auth.tickets import Tickets
from market.bus import BusDownError
from tests.fakes import run_virtual

NOW = 1_800_000_000
GRANT = Grant("alice", frozenset({"BTCUSDT"}), 5.0, 2, 10, NOW + 3600)


class MemoryStore:
    """Keeps values until they are taken or too old, and a turn of the event loop passes with every request."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[bytes, float]] = {}
        self.asked: list[str] = []
        self.down = False

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        await self._ask(key)
        self.values[key] = value, asyncio.get_running_loop().time() + ttl_s

    async def take(self, key: str) -> bytes | None:
        await self._ask(key)
        value, until = self.values.pop(key, (None, 0.0))
        return value if asyncio.get_running_loop().time() < until else None

    async def _ask(self, key: str) -> None:
        self.asked.append(key)
        await asyncio.sleep(0)
        if self.down:
            raise BusDownError("down")


def now_s() -> float:
    """A wall clock that goes with the virtual one."""
    return NOW + asyncio.get_running_loop().time()


def test_a_ticket_stands_for_its_grant() -> None:
    """A grant of one gateway is redeemed at another with all its fields."""

    async def main() -> None:
        store = MemoryStore()
        here, there = Tickets(store, now_s), Tickets(store, now_s)
        for grant in (GRANT, Grant("bob"), ANONYMOUS, Grant("carol", frozenset(), None, 0, 0, NOW + 0.5)):
            assert grant == await there.redeem(await here.issue(grant))

    run_virtual(main())


def test_a_ticket_is_good_once() -> None:
    """A ticket that is shown again, at any gateway, is refused."""

    async def main() -> None:
        store = MemoryStore()
        here, there = Tickets(store, now_s), Tickets(store, now_s)
        ticket = await here.issue(GRANT)
        assert GRANT == await there.redeem(ticket)
        assert await there.redeem(ticket) is None
        assert await here.redeem(ticket) is None

    run_virtual(main())


def test_of_many_who_show_a_ticket_at_once_one_comes_in() -> None:
    """Of many gateways that get a ticket at the same moment, one gets the grant."""

    async def main() -> None:
        store = MemoryStore()
        ticket = await Tickets(store, now_s).issue(GRANT)
        grants = await asyncio.gather(*(Tickets(store, now_s).redeem(ticket) for _ in range(50)))
        assert [GRANT] == [grant for grant in grants if grant is not None]

    run_virtual(main())


def test_a_ticket_is_good_for_half_a_minute() -> None:
    """A ticket is valid until just before its end."""

    async def main() -> None:
        tickets = Tickets(MemoryStore(), now_s)
        in_time, late = await tickets.issue(GRANT), await tickets.issue(GRANT)
        await asyncio.sleep(29.9)
        assert GRANT == await tickets.redeem(in_time)
        await asyncio.sleep(0.1)
        assert await tickets.redeem(late) is None

    run_virtual(main())


def test_a_ticket_outlives_no_token() -> None:
    """A ticket whose token has ended is refused."""

    async def main() -> None:
        tickets = Tickets(MemoryStore(), now_s)
        grant = Grant("alice", expires_at=NOW + 10)
        in_time, late = await tickets.issue(grant), await tickets.issue(grant)
        await asyncio.sleep(9.9)
        assert grant == await tickets.redeem(in_time)
        await asyncio.sleep(0.1)
        assert await tickets.redeem(late) is None

    run_virtual(main())


def test_a_clock_that_is_set_ends_no_ticket() -> None:
    """The store counts a ticket's time: gateways whose clocks differ by more than that understand each other."""

    async def main() -> None:
        store = MemoryStore()
        ticket = await Tickets(store, now_s).issue(GRANT)
        assert GRANT == await Tickets(store, lambda: now_s() + 600).redeem(ticket)

    run_virtual(main())


def test_the_store_holds_no_ticket() -> None:
    """Neither key nor value shows the ticket; the key is its SHA-256."""

    async def main() -> None:
        store = MemoryStore()
        ticket = await Tickets(store, now_s).issue(GRANT)
        ((key, (value, _)),) = store.values.items()
        assert hashlib.sha256(ticket.encode()).hexdigest() == key
        assert ticket not in key
        assert ticket.encode() not in value

    run_virtual(main())


def test_tickets_cannot_be_guessed() -> None:
    """Each is 32 random bytes in base64, and no two are the same."""

    async def main() -> None:
        tickets = Tickets(MemoryStore(), now_s)
        made = [await tickets.issue(GRANT) for _ in range(1000)]
        assert 1000 == len(set(made))
        assert all(re.fullmatch(r"[\w-]{43}", ticket, re.ASCII) for ticket in made)

    run_virtual(main())


@pytest.mark.parametrize("token_bytes", [16, 17, 18, 64])
def test_tickets_of_other_lengths_are_tickets(token_bytes: int) -> None:
    """An issued ticket of any length has the form that is redeemed."""

    async def main() -> None:
        tickets = Tickets(MemoryStore(), now_s, token_bytes=token_bytes)
        assert GRANT == await tickets.redeem(await tickets.issue(GRANT))

    run_virtual(main())


@settings(deadline=None)
@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_-]{40,46}\n?", fullmatch=True) | st.just("A" * 1_000_000))
def test_what_is_no_ticket_never_reaches_the_store(shown: str) -> None:
    """Only text in the form of a ticket is looked up, and only issued ones are valid."""

    async def main() -> None:
        store = MemoryStore()
        assert await Tickets(store, now_s).redeem(shown) is None
        assert bool(store.asked) == bool(re.fullmatch(r"[\w-]{43}", shown, re.ASCII))

    run_virtual(main())


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"nonsense",
        b"\xc1",
        msgspec.msgpack.encode({"subject": 5}),
        msgspec.msgpack.encode({}),
        msgspec.msgpack.encode({"subject": "alice", "symbols": "*"}),
        msgspec.msgpack.encode({"subject": "alice", "expires_at": None}),
        b"\x81\xa7subject\xa2\xff\xff",
        b"\x91" * 100_000,
    ],
)
def test_a_value_that_cannot_be_read_is_refused(value: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong value in the store is refused, and logged without the value."""

    async def main() -> None:
        store = MemoryStore()
        tickets = Tickets(store, now_s)
        ticket = await tickets.issue(GRANT)
        store.values = {key: (value, until) for key, (_, until) in store.values.items()}
        assert await tickets.redeem(ticket) is None
        assert ticket not in caplog.text

    caplog.set_level(logging.DEBUG)
    run_virtual(main())
    assert "cannot be read" in caplog.text
    assert "alice" not in caplog.text


def test_a_store_that_is_down_is_no_refusal() -> None:
    """Without the store tickets can be neither issued nor checked: the caller is asked to try later."""

    async def main() -> None:
        store = MemoryStore()
        tickets = Tickets(store, now_s)
        ticket = await tickets.issue(GRANT)
        store.down = True
        with pytest.raises(BusDownError):
            await tickets.issue(GRANT)
        with pytest.raises(BusDownError):
            await tickets.redeem(ticket)

    run_virtual(main())
