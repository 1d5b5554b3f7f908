"""Who may come in: by name, origin, address, token and room. No sockets."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict

from gateway.admission.address import TrustedProxies
from gateway.admission.admission import Entrance, Seat, Visitor, bearer, try_later
from gateway.admission.charges import PROOF
from gateway.admission.origin import AllowedHosts, AllowedOrigins
from gateway.auth.grant import ANONYMOUS, Grant, RefusedError, TryLaterError
from gateway.errors import RefusalError
from gateway.settings import Settings
from market.bus import BusDownError
from tests.fakes import run_virtual

STRANGER, PROXY = "203.0.113.9", "10.0.0.1"
BEHIND_PROXY: dict[str, Any] = {"trusted_proxies": TrustedProxies.parse(PROXY)}
HEADERS = {
    "Host": "prices.example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


async def entrance(room: bool = True, **settings: Any) -> Entrance:
    """One where nobody needs a token."""
    return Entrance(Settings(**settings), None, lambda: room)


def headers(**extra: str) -> CIMultiDictProxy[str]:
    """Make the headers of a good handshake, and these; an underscore stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in extra.items()}
    return CIMultiDictProxy(CIMultiDict(HEADERS | named))


def look(door: Entrance, peer: str = STRANGER, *, counted: bool = True, query: Any = (), **extra: Any) -> Visitor:
    """Let the entrance look at a handshake with these headers."""
    return door.look(headers(**extra), MultiDict(query), peer, counted=counted)


def refused(reason: str, status: int) -> Any:
    """Expect a refusal for ``reason``."""
    return pytest.raises(RefusalError, check=lambda error: (reason, status) == (error.reason, error.status))


async def test_one_address_holds_so_many_connections_and_no_more() -> None:
    """The limit is of one address, and who leaves makes room."""
    door = await entrance(max_connections_per_ip=2)
    keys = [door.arrive(STRANGER) for _ in range(2)]
    with refused("address", 429):
        door.arrive(STRANGER)
    door.arrive("203.0.113.10")
    door.depart(keys[0])
    door.arrive(STRANGER)


async def test_a_whole_ipv6_network_is_one_address() -> None:
    """Who has a /64 has no more than anybody else; the /64 beside it is another."""
    door = await entrance(max_connections_per_ip=1)
    door.arrive("2001:db8::1")
    with refused("address", 429):
        door.arrive("2001:db8::ffff:1")
    door.arrive("2001:db8:0:1::1")


def test_one_address_connects_so_often_and_no_faster() -> None:
    """Ten seconds' worth at once, then the rate, however soon they leave again; another address is not concerned."""

    async def main() -> None:
        door = await entrance(max_connect_rate_per_ip=5)
        for _ in range(50):
            door.depart(door.arrive(STRANGER))
        with refused("rate", 429):
            door.arrive(STRANGER)
        door.arrive("203.0.113.10")
        await asyncio.sleep(1)
        for _ in range(5):
            door.depart(door.arrive(STRANGER))
        with refused("rate", 429):
            door.arrive(STRANGER)

    run_virtual(main())


async def test_who_was_refused_for_the_rate_is_not_counted() -> None:
    """A refused connection has no count to give back."""
    door = await entrance(max_connect_rate_per_ip=0.1)
    key = door.arrive(STRANGER)
    with refused("rate", 429):
        door.arrive(STRANGER)
    assert 1 == door._addresses[STRANGER]
    door.depart(key)
    assert 0 == len(door._addresses)


@pytest.mark.parametrize("loopback", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
async def test_this_machine_itself_has_no_limits_of_its_own(loopback: str) -> None:
    """127.0.0.1 and ::1 are spared by default, and counted like all others where that is switched off."""
    door = await entrance(max_connections_per_ip=1, max_connect_rate_per_ip=0.1)
    for _ in range(20):
        assert door.arrive(loopback) is None
    strict = await entrance(max_connections_per_ip=1, spare_loopback=False)
    strict.arrive(loopback)
    with refused("address", 429):
        strict.arrive(loopback)


async def test_other_loopback_addresses_are_strangers() -> None:
    """127.0.0.2 is this machine too, but nobody's default: it is counted."""
    assert "127.0.0.2" == (await entrance()).arrive("127.0.0.2")


async def test_behind_a_proxy_the_client_is_counted_and_not_the_proxy() -> None:
    """By the address that the trusted proxy forwards, from the moment that it is known."""
    door = await entrance(max_connections_per_ip=1, **BEHIND_PROXY)
    assert door.arrive(PROXY) is door.arrive(PROXY) is None
    first = look(door, PROXY, X_Forwarded_For=STRANGER)
    assert (STRANGER, STRANGER) == (first.address, first.key)
    seat = door.admit(first, ANONYMOUS)
    with refused("address", 429):
        door.admit(first, ANONYMOUS)
    door.admit(look(door, PROXY, X_Forwarded_For="203.0.113.10"), ANONYMOUS)
    door.leave(seat)
    door.admit(first, ANONYMOUS)


async def test_a_strangers_word_about_its_address_is_worth_nothing() -> None:
    """Who is no trusted proxy is counted under its own address; and left of the proxy's entry nothing counts."""
    door = await entrance(**BEHIND_PROXY)
    assert STRANGER == door.arrive(STRANGER)
    own = look(door, STRANGER, X_Forwarded_For="127.0.0.1")
    assert (STRANGER, None) == (own.address, own.key)
    forged = look(door, PROXY, X_Forwarded_For=f"127.0.0.1, {STRANGER}")
    assert (STRANGER, STRANGER) == (forged.address, forged.key)


async def test_without_arrivals_the_request_is_what_is_counted() -> None:
    """In a bare aiohttp nobody was counted when the connection was accepted."""
    door = await entrance(max_connections_per_ip=1)
    visitor = look(door, counted=False)
    assert STRANGER == visitor.key
    door.admit(visitor, ANONYMOUS)
    with refused("address", 429):
        door.admit(visitor, ANONYMOUS)
    assert look(door, counted=True).key is None


async def test_a_full_gateway_lets_nobody_in() -> None:
    """It says so with 503 and when to come back, and counts nobody."""
    door = await entrance(room=False)
    with refused("full", 503) as caught:
        door.admit(look(door, counted=False), Grant("alice"))
    assert {"Retry-After": "1"} == caught.value.headers
    assert (0, 0) == (len(door._addresses), len(door._subjects))


async def test_one_subject_holds_so_many_connections_and_no_more() -> None:
    """From whatever addresses; the token's own number counts before the setting's, and who leaves makes room."""
    door = await entrance(max_connections_per_subject=2)
    seats = [door.admit(look(door, f"203.0.113.{number}", counted=False), Grant("alice")) for number in range(2)]
    with refused("subject", 429):
        door.admit(look(door, "203.0.113.7", counted=False), Grant("alice"))
    assert 0 == door._addresses["203.0.113.7"]
    door.admit(look(door), Grant("bob"))
    door.admit(look(door), Grant("alice", max_connections=3))
    with refused("subject", 429):
        door.admit(look(door), Grant("alice", max_connections=3))
    door.leave(seats[0])
    door.leave(seats[1])
    door.admit(look(door), Grant("alice"))


async def test_who_is_identified_late_is_counted_from_then_on() -> None:
    """A seat without a token counts under no subject; `identify` says whether there is room for it."""
    door = await entrance(max_connections_per_subject=1)
    first, second = (door.admit(look(door), None) for _ in range(2))
    assert door.identify(first, Grant("alice"))
    assert not door.identify(second, Grant("alice"))
    with refused("subject", 429):
        door.confirm(second, Grant("alice"))
    door.leave(second)
    assert 1 == door._subjects["alice"]
    door.leave(first)
    assert 0 == len(door._subjects)


async def test_leaving_twice_counts_once() -> None:
    """A seat that was given up is nobody's."""
    door = await entrance()
    seats = [door.admit(look(door, counted=False), Grant("alice")) for _ in range(2)]
    door.leave(seats[0])
    door.leave(seats[0])
    assert (1, 1) == (door._addresses[STRANGER], door._subjects["alice"])


async def test_a_page_of_another_site_may_not_connect() -> None:
    """Unless it is listed; the own pages may, and programs, which send no origin."""
    door = await entrance()
    look(door)
    look(door, Origin="https://prices.example.com")
    with refused("origin", 403):
        look(door, Origin="https://evil.example")
    listed = await entrance(allowed_origins=AllowedOrigins.parse("https://app.example"))
    look(listed, Origin="https://app.example")
    with refused("origin", 403):
        look(listed, Origin="https://prices.example.com")


@pytest.mark.parametrize("host", ["evil.example", "", "prices.example.com.evil.example", "prices.example.com evil"])
async def test_a_name_that_is_not_served_is_refused(host: str) -> None:
    """So that no page can reach it by a name of its own (DNS rebinding)."""
    door = await entrance(allowed_hosts=AllowedHosts.parse("prices.example.com", only_loopback=False))
    look(door)
    with refused("host", 403):
        look(door, Host=host)


async def test_what_is_no_handshake_is_refused_before_anything_else() -> None:
    """Also of a stranger's page."""
    door = await entrance()
    with refused("handshake", 426):
        look(door, Sec_WebSocket_Version="8", Origin="https://evil.example")


async def test_a_token_comes_in_a_header_and_in_the_url_only_where_that_is_switched_on() -> None:
    """The header counts before the URL; a ticket may always come in the URL."""
    door, open_door = await entrance(), await entrance(auth_query_token=True)
    in_url = [("token", "url"), ("ticket", "once")]
    assert (None, "once") == ((visitor := look(door, query=in_url)).token, visitor.ticket)
    assert "header" == look(door, query=in_url, Authorization="Bearer header").token
    assert "url" == look(open_door, query=in_url).token
    assert "header" == look(open_door, query=in_url, Authorization="Bearer header").token


async def test_an_empty_token_or_ticket_is_a_wrong_one() -> None:
    """It is looked at like any other, and not taken for none."""
    door = await entrance(auth_query_token=True)
    assert look(door, query=[("token", "")]).brings_proof
    assert look(door, query=[("ticket", "")]).brings_proof
    assert not look(door).brings_proof


@pytest.mark.parametrize(
    ("value", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("BEARER abc", "abc"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
    ],
)
def test_a_bearer_token_is_found_whatever_the_case(value: str, token: str | None) -> None:
    """The scheme is compared without case (RFC 9110, section 11.1)."""
    assert token == bearer(headers(Authorization=value))


async def test_what_a_token_opens_is_told_at_once_or_not() -> None:
    """Nobody needs one: anonymous. A ticket, no token, or a key that must be fetched: not now. A bad one: 401."""
    assert ANONYMOUS is (door := await entrance()).grant_now(look(door, Authorization="Bearer x"))

    def verify_now(token: str) -> Grant | None:
        if token == "bad":  # noqa: S105 # no secret
            raise RefusedError("expired", "the token expired 5 s ago; get a new one")
        return Grant("alice") if token == "good" else None  # noqa: S105 # no secret

    door = Entrance(Settings(), verify_now, lambda: True)
    assert Grant("alice") == door.grant_now(look(door, Authorization="Bearer good"))
    assert door.grant_now(look(door, Authorization="Bearer later")) is None
    assert door.grant_now(look(door)) is None
    assert door.grant_now(look(door, Authorization="Bearer good", query=[("ticket", "t")])) is None
    with refused("token", 401) as caught:
        door.grant_now(look(door, Authorization="Bearer bad"))
    assert "expired" == caught.value.code
    assert {"WWW-Authenticate": 'Bearer error="invalid_token"'} == caught.value.headers


PEERS = ("203.0.113.1", "203.0.113.2", "2001:db8::1", "2001:db8::2", "127.0.0.1", PROXY)
KEYS = ("203.0.113.1", "203.0.113.2", "2001:db8::/64", "2001:db8::/64", None, None)
steps = st.lists(
    st.tuples(st.sampled_from(["arrive", "depart", "admit", "identify", "leave"]), st.integers(0, 50)), max_size=60
)


@given(steps)
def test_what_is_counted_is_who_is_here(steps: list[tuple[str, int]]) -> None:
    """After any sequence of comings and goings the tallies are those of a plain model, and at the end empty."""

    async def main() -> None:
        limit = 3
        door = await entrance(
            max_connections_per_ip=limit, max_connections_per_subject=limit, max_connect_rate_per_ip=0, **BEHIND_PROXY
        )
        here: list[str | None] = []
        seats: list[Seat] = []

        def addresses() -> Counter[str]:
            return Counter([key for key in here if key] + [seat.key for seat in seats if seat.key])

        def subjects() -> Counter[str]:
            return Counter(seat.subject for seat in seats if seat.subject)

        for step, number in steps:
            peer, key = PEERS[number % len(PEERS)], KEYS[number % len(PEERS)]
            grant = (None, Grant("alice"), Grant("bob"), ANONYMOUS)[number % 4]
            if step == "arrive":
                full = key is not None and addresses()[key] == limit
                try:
                    here.append(door.arrive(peer))
                except RefusalError:
                    assert full
                else:
                    assert (key, False) == (here[-1], full)
            elif step == "depart" and here:
                door.depart(here.pop(number % len(here)))
            elif step == "admit":
                client = PEERS[number % 4]
                visitor = look(door, PROXY, X_Forwarded_For=client)
                full = addresses()[KEYS[number % 4] or ""] == limit
                full |= grant is not None and subjects()[grant.subject or "-"] == limit
                try:
                    seats.append(door.admit(visitor, grant))
                except RefusalError:
                    assert full
                else:
                    assert not full
            elif step == "identify" and seats and grant is not None:
                seat = seats[number % len(seats)]
                if not seat.subject:
                    room = subjects()[grant.subject or "-"] < limit
                    assert room == door.identify(seat, grant)
            elif step == "leave" and seats:
                door.leave(seats.pop(number % len(seats)))
            assert (addresses(), subjects()) == (door._addresses._counts, door._subjects._counts)
        for left in here:
            door.depart(left)
        for seat in seats:
            door.leave(seat)
        assert (0, 0) == (len(door._addresses), len(door._subjects))

    run_virtual(main())


def test_who_must_come_back_is_told_when() -> None:
    """As late as the keys can be asked for again, in whole seconds; soon, where the bus is away."""
    assert {"Retry-After": "30"} == try_later("no", TryLaterError("no key", 29.2)).headers
    refusal = try_later("no ticket now", BusDownError("10.0.0.7 refused"))
    assert (503, "no ticket now; try again") == (refusal.status, str(refusal))
    assert {"Retry-After": "3"} == refusal.headers


def paying(door: Entrance, **extra: Any) -> Visitor:
    """A visitor with a token."""
    return look(door, Authorization="Bearer x", **extra)


def test_a_token_is_charged_before_it_is_looked_at() -> None:
    """Whose tokens open nothing is soon not even looked at; whose are good pays nothing for them."""

    async def main() -> None:
        looked_at = []

        def verify_now(token: str) -> Grant | None:
            looked_at.append(token)
            if is_bad:
                raise RefusedError("bad_signature", "no")
            return Grant("alice")

        door = Entrance(Settings(max_request_rate_per_ip=10), verify_now, lambda: True)
        is_bad = False
        for _ in range(100):
            assert Grant("alice") == door.grant_now(paying(door))
        is_bad = True
        for _ in range(20 // PROOF):
            with refused("token", 401):
                door.grant_now(paying(door))
        with refused("requests", 429):
            door.grant_now(paying(door))
        assert 100 + 20 // PROOF == len(looked_at)
        await asyncio.sleep(1)
        with refused("token", 401):
            door.grant_now(paying(door))

    run_virtual(main())


async def test_a_token_that_must_wait_is_charged_when_it_is_looked_at() -> None:
    """Until then nothing has been done for it."""
    door = Entrance(Settings(max_request_rate_per_ip=5), lambda _: None, lambda: True)
    for _ in range(10):
        assert door.grant_now(paying(door)) is None


async def test_work_is_charged_to_the_client_behind_a_proxy() -> None:
    """By the same rules as connections are counted: this machine pays nothing, a silent proxy for all its own."""
    door = await entrance(**BEHIND_PROXY)
    for peer, told, payer in (
        (STRANGER, None, STRANGER),
        (STRANGER, "127.0.0.1", STRANGER),
        ("127.0.0.1", None, None),
        (PROXY, STRANGER, STRANGER),
        (PROXY, "2001:db8::1", "2001:db8::/64"),
        (PROXY, "127.0.0.1", None),
        (PROXY, None, PROXY),
        (PROXY, "nonsense", PROXY),
    ):
        extra: dict[str, Any] = {} if told is None else {"X_Forwarded_For": told}
        assert payer == door.payer(headers(**extra), peer), (peer, told)
        assert payer == look(door, peer, **extra).payer
    strict = await entrance(spare_loopback=False)
    assert "127.0.0.1" == strict.payer(headers(), "127.0.0.1")


async def test_what_proxies_say_may_come_in_several_lines() -> None:
    """The hops are counted over all of them: the last line is the nearest proxy's."""
    door = await entrance(trusted_proxies=TrustedProxies.parse(PROXY, 2))
    lines = [
        *HEADERS.items(),
        ("X-Forwarded-For", "6.6.6.6"),
        ("x-forwarded-for", STRANGER),
        ("X-Forwarded-For", "10.9.9.9"),
    ]
    visitor = door.look(CIMultiDictProxy(CIMultiDict(lines)), MultiDict(), PROXY, counted=True)
    assert (STRANGER, STRANGER) == (visitor.address, visitor.key)
