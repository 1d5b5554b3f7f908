"""Who may come in: by name, origin, address, token and room. No sockets."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict

from gateway.admission.address import TrustedProxies
from gateway.admission.admission import Admission, try_later
from gateway.admission.limits.charges import PROOF
from gateway.admission.origin import AllowedHosts, AllowedOrigins
from gateway.admission.upgrade_request import Slot, UpgradeRequest
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


async def new_admission(room: bool = True, **settings: Any) -> Admission:
    """One where nobody needs a token."""
    return Admission(Settings(**settings), None, lambda: room)


def headers(**extra: str) -> CIMultiDictProxy[str]:
    """Make the headers of a good handshake, and these; an underscore stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in extra.items()}
    return CIMultiDictProxy(CIMultiDict(HEADERS | named))


def look(
    admission: Admission, peer: str = STRANGER, *, counted: bool = True, query: Any = (), **extra: Any
) -> UpgradeRequest:
    """Let admission look at a handshake with these headers."""
    return admission.look(headers(**extra), MultiDict(query), peer, counted=counted)


def refused(reason: str, status: int) -> Any:
    """Expect a refusal for ``reason``."""
    return pytest.raises(RefusalError, check=lambda error: (reason, status) == (error.reason, error.status))


async def test_one_address_holds_so_many_connections_and_no_more() -> None:
    """Each address may hold a number of connections; a connection that ends makes room."""
    admission = await new_admission(max_connections_per_ip=2)
    keys = [admission.arrive(STRANGER) for _ in range(2)]
    with refused("address", 429):
        admission.arrive(STRANGER)
    admission.arrive("203.0.113.10")
    admission.depart(keys[0])
    admission.arrive(STRANGER)


async def test_a_whole_ipv6_network_is_one_address() -> None:
    """An IPv6 /64 counts as one address."""
    admission = await new_admission(max_connections_per_ip=1)
    admission.arrive("2001:db8::1")
    with refused("address", 429):
        admission.arrive("2001:db8::ffff:1")
    admission.arrive("2001:db8:0:1::1")


def test_one_address_connects_so_often_and_no_faster() -> None:
    """An address may connect ten seconds' worth at once, then at the rate; other addresses are not affected."""

    async def main() -> None:
        admission = await new_admission(max_connect_rate_per_ip=5)
        for _ in range(50):
            admission.depart(admission.arrive(STRANGER))
        with refused("rate", 429):
            admission.arrive(STRANGER)
        admission.arrive("203.0.113.10")
        await asyncio.sleep(1)
        for _ in range(5):
            admission.depart(admission.arrive(STRANGER))
        with refused("rate", 429):
            admission.arrive(STRANGER)

    run_virtual(main())


async def test_who_was_refused_for_the_rate_is_not_counted() -> None:
    """A refused connection has no count to give back."""
    admission = await new_admission(max_connect_rate_per_ip=0.1)
    key = admission.arrive(STRANGER)
    with refused("rate", 429):
        admission.arrive(STRANGER)
    assert 1 == admission._addresses[STRANGER]
    admission.depart(key)
    assert 0 == len(admission._addresses)


@pytest.mark.parametrize("loopback", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
async def test_this_machine_itself_has_no_limits_of_its_own(loopback: str) -> None:
    """127.0.0.1 and ::1 have no limits by default, and count like others if that is switched off."""
    admission = await new_admission(max_connections_per_ip=1, max_connect_rate_per_ip=0.1)
    for _ in range(20):
        assert admission.arrive(loopback) is None
    strict = await new_admission(max_connections_per_ip=1, spare_loopback=False)
    strict.arrive(loopback)
    with refused("address", 429):
        strict.arrive(loopback)


async def test_other_loopback_addresses_are_strangers() -> None:
    """Other loopback addresses such as 127.0.0.2 are counted."""
    assert "127.0.0.2" == (await new_admission()).arrive("127.0.0.2")


async def test_behind_a_proxy_the_client_is_counted_and_not_the_proxy() -> None:
    """Behind a trusted proxy the forwarded address is counted, from the moment that it is known."""
    admission = await new_admission(max_connections_per_ip=1, **BEHIND_PROXY)
    assert admission.arrive(PROXY) is admission.arrive(PROXY) is None
    first = look(admission, PROXY, X_Forwarded_For=STRANGER)
    assert (STRANGER, STRANGER, True) == (first.address, first.payer, first.to_count)
    slot = admission.admit(first, ANONYMOUS)
    with refused("address", 429):
        admission.admit(first, ANONYMOUS)
    admission.admit(look(admission, PROXY, X_Forwarded_For="203.0.113.10"), ANONYMOUS)
    admission.leave(slot)
    admission.admit(first, ANONYMOUS)


async def test_a_strangers_word_about_its_address_is_worth_nothing() -> None:
    """An untrusted peer is counted under its own address; entries left of the proxy's do not count."""
    admission = await new_admission(**BEHIND_PROXY)
    assert STRANGER == admission.arrive(STRANGER)
    own = look(admission, STRANGER, X_Forwarded_For="127.0.0.1")
    assert (STRANGER, STRANGER, False) == (own.address, own.payer, own.to_count)
    forged = look(admission, PROXY, X_Forwarded_For=f"127.0.0.1, {STRANGER}")
    assert (STRANGER, STRANGER, True) == (forged.address, forged.payer, forged.to_count)


async def test_without_arrivals_the_request_is_what_is_counted() -> None:
    """Without the acceptor (a bare aiohttp) the request is counted."""
    admission = await new_admission(max_connections_per_ip=1)
    upgrade_request = look(admission, counted=False)
    assert (STRANGER, True) == (upgrade_request.payer, upgrade_request.to_count)
    admission.admit(upgrade_request, ANONYMOUS)
    with refused("address", 429):
        admission.admit(upgrade_request, ANONYMOUS)
    assert not look(admission, counted=True).to_count


async def test_a_full_gateway_lets_nobody_in() -> None:
    """A full gateway answers 503 with a time to come back, and counts no client."""
    admission = await new_admission(room=False)
    with refused("full", 503) as caught:
        admission.admit(look(admission, counted=False), Grant("alice"))
    assert {"Retry-After": "1"} == caught.value.headers
    assert (0, 0) == (len(admission._addresses), len(admission._subjects))


async def test_one_subject_holds_so_many_connections_and_no_more() -> None:
    """A subject may hold a number of connections, from any addresses; the token's limit comes before the setting's."""
    admission = await new_admission(max_connections_per_subject=2)
    slots = [
        admission.admit(look(admission, f"203.0.113.{number}", counted=False), Grant("alice")) for number in range(2)
    ]
    with refused("subject", 429):
        admission.admit(look(admission, "203.0.113.7", counted=False), Grant("alice"))
    assert 0 == admission._addresses["203.0.113.7"]
    admission.admit(look(admission), Grant("bob"))
    admission.admit(look(admission), Grant("alice", max_connections=3))
    with refused("subject", 429):
        admission.admit(look(admission), Grant("alice", max_connections=3))
    admission.leave(slots[0])
    admission.leave(slots[1])
    admission.admit(look(admission), Grant("alice"))


async def test_who_is_identified_late_is_counted_from_then_on() -> None:
    """A slot without a token counts under no subject until `identify`, which checks for room."""
    admission = await new_admission(max_connections_per_subject=1)
    first, second = (admission.admit(look(admission), None) for _ in range(2))
    assert admission.identify(first, Grant("alice"))
    assert not admission.identify(second, Grant("alice"))
    with refused("subject", 429):
        admission.confirm(second, Grant("alice"))
    admission.leave(second)
    assert 1 == admission._subjects["alice"]
    admission.leave(first)
    assert 0 == len(admission._subjects)


async def test_leaving_twice_counts_once() -> None:
    """A slot that is freed twice counts once."""
    admission = await new_admission()
    slots = [admission.admit(look(admission, counted=False), Grant("alice")) for _ in range(2)]
    admission.leave(slots[0])
    admission.leave(slots[0])
    assert (1, 1) == (admission._addresses[STRANGER], admission._subjects["alice"])


async def test_a_page_of_another_site_may_not_connect() -> None:
    """A page of another site may not connect unless it is listed; our own pages and programs may."""
    admission = await new_admission()
    look(admission)
    look(admission, Origin="https://prices.example.com")
    with refused("origin", 403):
        look(admission, Origin="https://evil.example")
    listed = await new_admission(allowed_origins=AllowedOrigins.parse("https://app.example"))
    look(listed, Origin="https://app.example")
    with refused("origin", 403):
        look(listed, Origin="https://prices.example.com")


@pytest.mark.parametrize("host", ["evil.example", "", "prices.example.com.evil.example", "prices.example.com evil"])
async def test_a_name_that_is_not_served_is_refused(host: str) -> None:
    """A host name that is not served is refused (DNS rebinding)."""
    admission = await new_admission(allowed_hosts=AllowedHosts.parse("prices.example.com", only_loopback=False))
    look(admission)
    with refused("host", 403):
        look(admission, Host=host)


async def test_what_is_no_handshake_is_refused_before_anything_else() -> None:
    """A request that is no handshake is refused as such, before any other check."""
    admission = await new_admission()
    with refused("handshake", 426):
        look(admission, Sec_WebSocket_Version="8", Origin="https://evil.example")


async def test_a_token_comes_in_a_header_and_in_the_url_only_where_that_is_switched_on() -> None:
    """A token comes in a header, or in the URL if that is switched on; a ticket may always come in the URL."""
    admission, open_admission = await new_admission(), await new_admission(auth_query_token=True)
    in_url = [("token", "url"), ("ticket", "once")]
    assert (None, "once") == ((upgrade_request := look(admission, query=in_url)).token, upgrade_request.ticket)
    assert "header" == look(admission, query=in_url, Authorization="Bearer header").token
    assert "url" == look(open_admission, query=in_url).token
    assert "header" == look(open_admission, query=in_url, Authorization="Bearer header").token


async def test_an_empty_token_or_ticket_is_a_wrong_one() -> None:
    """An empty token or ticket is a wrong one, not an absent one."""
    admission = await new_admission(auth_query_token=True)
    assert "" == look(admission, query=[("token", "")]).token
    assert "" == look(admission, query=[("ticket", "")]).ticket
    assert (None, None) == (look(admission).token, look(admission).ticket)


async def test_what_a_token_opens_is_told_at_once_or_not() -> None:
    """A token's grant is known at once, except for a ticket, an absent token, or a key that must be fetched."""
    assert ANONYMOUS is (admission := await new_admission()).grant_now(look(admission, Authorization="Bearer x"))

    def verify_now(token: str) -> Grant | None:
        if token == "bad":  # noqa: S105 # no secret
            raise RefusedError("expired", "the token expired 5 s ago; get a new one")
        return Grant("alice") if token == "good" else None  # noqa: S105 # no secret

    admission = Admission(Settings(), verify_now, lambda: True)
    assert Grant("alice") == admission.grant_now(look(admission, Authorization="Bearer good"))
    assert "to_prove" == admission.grant_now(look(admission, Authorization="Bearer later"))
    assert "by_message" == admission.grant_now(look(admission))
    assert "to_prove" == admission.grant_now(look(admission, Authorization="Bearer good", query=[("ticket", "t")]))
    with refused("token", 401) as caught:
        admission.grant_now(look(admission, Authorization="Bearer bad"))
    assert "expired" == caught.value.code
    assert {"WWW-Authenticate": 'Bearer error="invalid_token"'} == caught.value.headers


PEERS = ("203.0.113.1", "203.0.113.2", "2001:db8::1", "2001:db8::2", "127.0.0.1", PROXY)
KEYS = ("203.0.113.1", "203.0.113.2", "2001:db8::/64", "2001:db8::/64", None, None)
steps = st.lists(
    st.tuples(st.sampled_from(["arrive", "depart", "admit", "identify", "leave"]), st.integers(0, 50)), max_size=60
)


@given(steps)
def test_what_is_counted_is_who_is_here(steps: list[tuple[str, int]]) -> None:
    """After any arrivals and departures the tallies equal a plain model's, and are empty at the end."""

    async def main() -> None:
        limit = 3
        admission = await new_admission(
            max_connections_per_ip=limit, max_connections_per_subject=limit, max_connect_rate_per_ip=0, **BEHIND_PROXY
        )
        here: list[str] = []
        slots: list[Slot] = []

        def addresses() -> Counter[str]:
            return Counter(here + [slot.payer for slot in slots if slot.is_counted and slot.payer])

        def subjects() -> Counter[str]:
            return Counter(slot.subject for slot in slots if slot.subject)

        for step, number in steps:
            peer, key = PEERS[number % len(PEERS)], KEYS[number % len(PEERS)]
            grant = (None, Grant("alice"), Grant("bob"), ANONYMOUS)[number % 4]
            if step == "arrive":
                full = key is not None and addresses()[key] == limit
                try:
                    counted = admission.arrive(peer)
                except RefusalError:
                    assert full
                else:
                    assert (key, False) == (counted, full)
                    here += [counted] if counted else []
            elif step == "depart" and here:
                admission.depart(here.pop(number % len(here)))
            elif step == "admit":
                client = PEERS[number % 4]
                upgrade_request = look(admission, PROXY, X_Forwarded_For=client)
                full = addresses()[KEYS[number % 4] or ""] == limit
                full |= grant is not None and subjects()[grant.subject or "-"] == limit
                try:
                    slots.append(admission.admit(upgrade_request, grant))
                except RefusalError:
                    assert full
                else:
                    assert not full
            elif step == "identify" and slots and grant is not None:
                slot = slots[number % len(slots)]
                if not slot.subject:
                    room = subjects()[grant.subject or "-"] < limit
                    assert room == admission.identify(slot, grant)
            elif step == "leave" and slots:
                admission.leave(slots.pop(number % len(slots)))
            assert (addresses(), subjects()) == (admission._addresses._counts, admission._subjects._counts)
        for left in here:
            admission.depart(left)
        for slot in slots:
            admission.leave(slot)
        assert (0, 0) == (len(admission._addresses), len(admission._subjects))

    run_virtual(main())


def test_who_must_come_back_is_told_when() -> None:
    """The time to come back is when keys can be fetched again, in whole seconds; soon if the bus is down."""
    assert {"Retry-After": "30"} == try_later("no", TryLaterError("no key", 29.2)).headers
    refusal = try_later("no ticket now", BusDownError("10.0.0.7 refused"))
    assert (503, "no ticket now; try again") == (refusal.status, str(refusal))
    assert {"Retry-After": "3"} == refusal.headers


def paying(admission: Admission, **extra: Any) -> UpgradeRequest:
    """A request with a token."""
    return look(admission, Authorization="Bearer x", **extra)


def test_a_token_is_charged_before_it_is_looked_at() -> None:
    """A token is charged before its check: bad tokens are soon refused unread, good ones cost nothing."""

    async def main() -> None:
        looked_at = []

        def verify_now(token: str) -> Grant | None:
            looked_at.append(token)
            if is_bad:
                raise RefusedError("bad_signature", "no")
            return Grant("alice")

        admission = Admission(Settings(max_request_rate_per_ip=10), verify_now, lambda: True)
        is_bad = False
        for _ in range(100):
            assert Grant("alice") == admission.grant_now(paying(admission))
        is_bad = True
        for _ in range(20 // PROOF):
            with refused("token", 401):
                admission.grant_now(paying(admission))
        with refused("requests", 429):
            admission.grant_now(paying(admission))
        assert 100 + 20 // PROOF == len(looked_at)
        await asyncio.sleep(1)
        with refused("token", 401):
            admission.grant_now(paying(admission))

    run_virtual(main())


async def test_a_token_that_must_wait_is_charged_when_it_is_looked_at() -> None:
    """A token that must wait is charged when it is checked."""
    admission = Admission(Settings(max_request_rate_per_ip=5), lambda _: None, lambda: True)
    for _ in range(10):
        assert "to_prove" == admission.grant_now(paying(admission))


async def test_work_is_charged_to_the_client_behind_a_proxy() -> None:
    """Work is charged by the rules of counting: this machine pays nothing, a silent proxy for all its clients."""
    admission = await new_admission(**BEHIND_PROXY)
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
        assert payer == admission.payer(headers(**extra), peer), (peer, told)
        assert payer == look(admission, peer, **extra).payer
    strict = await new_admission(spare_loopback=False)
    assert "127.0.0.1" == strict.payer(headers(), "127.0.0.1")


async def test_what_proxies_say_may_come_in_several_lines() -> None:
    """Hops are counted over all lines of the header; the last line is the nearest proxy's."""
    admission = await new_admission(trusted_proxies=TrustedProxies.parse(PROXY, 2))
    lines = [
        *HEADERS.items(),
        ("X-Forwarded-For", "6.6.6.6"),
        ("x-forwarded-for", STRANGER),
        ("X-Forwarded-For", "10.9.9.9"),
    ]
    upgrade_request = admission.look(CIMultiDictProxy(CIMultiDict(lines)), MultiDict(), PROXY, counted=True)
    assert (STRANGER, STRANGER) == (upgrade_request.address, upgrade_request.payer)
