"""What requests cost, and whom. No sockets, and a clock that is set by hand."""

import contextlib

import pytest

from gateway.admission.limits.buckets import Rate
from gateway.admission.limits.charges import METRICS, PROOF, AddressBuckets, Charges, ConnectionBucket
from gateway.auth.grant import TryLaterError
from gateway.errors import RefusalError
from market.bus import BusDownError

ALICE, BOB = "203.0.113.9", "203.0.113.10"
REQUEST, PROBE = b"POST /v1/ticket HTTP/1.1\r\n\r\n", b"GET /readyz HTTP/1.1\r\n\r\n"


class Clock:
    """Seconds, as the test says."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def refused() -> pytest.RaisesExc[RefusalError]:
    """Expect 429, and when to come back."""
    return pytest.raises(RefusalError, check=lambda error: (error.status, error.headers) == (429, {"Retry-After": "1"}))


def test_an_address_asks_so_often_and_no_faster() -> None:
    """An address may ask two seconds' worth at once, then at the rate; others, and this machine, are not affected."""
    clock = Clock()
    charges = Charges(10, clock)
    for _ in range(20):
        charges.take_request(ALICE, "/ws")
    with refused():
        charges.take_request(ALICE, "/ws")
    charges.take_request(BOB, "/ws")
    for _ in range(100):
        charges.take_request(None, "/ws")
    clock.now_s += 1
    for _ in range(10):
        charges.take_request(ALICE, "/ws")
    with refused():
        charges.take_request(ALICE, "/ws")


def test_one_connection_takes_half_of_what_its_address_may() -> None:
    """One connection takes at most half of its address's rate; a refused request is not charged."""
    clock = Clock()
    charges = Charges(10, clock)
    greedy, other = charges.connection(), charges.connection()
    for _ in range(10):
        charges.take_head(ALICE, greedy, REQUEST)
    for _ in range(5):
        with refused():
            charges.take_head(ALICE, greedy, REQUEST)
    for _ in range(10):
        charges.take_head(ALICE, other, REQUEST)
    with refused():
        charges.take_head(ALICE, charges.connection(), REQUEST)


def test_balancers_ask_whatever_their_neighbours_do() -> None:
    """A connection has three probes at once, and half as many a second; the first costs its address nothing."""
    for rate in (4, 100):
        clock = Clock()
        charges = Charges(rate, clock)
        for _ in range(2 * rate):
            charges.take_request(ALICE, "/ws")
        with refused():
            charges.take_request(ALICE, "/ws")
        for _ in range(100):
            bucket = charges.connection()
            charges.take_head(ALICE, bucket, PROBE)
        for _ in range(2):
            charges.take_head(ALICE, bucket, PROBE)
        with refused():
            charges.take_head(ALICE, bucket, PROBE)
        clock.now_s += 0.67
        charges.take_head(ALICE, bucket, PROBE)
        with refused():
            charges.take_head(ALICE, bucket, PROBE)


def test_more_probes_of_a_connection_are_charged_to_its_address() -> None:
    """Further probes are charged to the address; a neighbour's first probe is still answered."""
    clock = Clock()
    charges = Charges(10, clock)
    buckets = [charges.connection() for _ in range(100)]
    answered = 0
    for _ in range(3):
        for bucket in buckets:
            with contextlib.suppress(RefusalError):
                charges.take_head(ALICE, bucket, PROBE)
                answered += 1
    assert 100 + 20 == answered
    charges.take_head(ALICE, charges.connection(), PROBE)
    charges.take_head(ALICE, charges.connection(), REQUEST)


def test_what_a_proxy_passes_on_is_charged_to_whom_it_is_from() -> None:
    """Requests through a proxy are charged to their client; the proxy's own connection has separate rates."""
    charges = Charges(1, Clock())
    for _ in range(2):
        charges.take_request(ALICE, "/healthz")
    with refused():
        charges.take_request(ALICE, "/readyz")
    charges.take_request(ALICE, "/ws")
    charges.take_request(BOB, "/readyz")


PAGES = (b"GET / HTTP/1.1\r\n\r\n", b"GET /web/app.js HTTP/1.1\r\n\r\n", b"HEAD / HTTP/1.1\r\n\r\n")


def test_pages_cost_what_they_take() -> None:
    """Four pages cost as much as one other request, direct or through a proxy."""
    for page in PAGES:
        charges = Charges(100, Clock())
        for _ in range(200):
            charges.take_head(ALICE, charges.connection(), page)
            for _ in range(3):
                charges.take_request(ALICE, page.split()[1].decode())
        with refused():
            charges.take_head(ALICE, charges.connection(), page)
        with refused():
            charges.take_request(ALICE, "/")
    charges = Charges(1, Clock())
    for head in (b"GET /?a HTTP/1.1\r\n\r\n", b"GET /webs HTTP/1.1\r\n\r\n"):
        charges.take_head(ALICE, charges.connection(), head)
    with refused():
        charges.take_head(ALICE, charges.connection(), PAGES[0])


def test_work_is_charged_before_it_is_done_and_given_back_to_the_honest() -> None:
    """Work is charged before it is done, and only if all of it can be paid."""
    charges = Charges(METRICS, Clock())
    for _ in range(50):
        charges.take(ALICE, METRICS)
        charges.give_back(ALICE, METRICS)
    charges.take(ALICE, METRICS)
    charges.take(ALICE, METRICS - 1)
    with refused():
        charges.take(ALICE, METRICS)
    charges.take(ALICE, 1)
    charges.give_back(BOB, 5)
    charges.give_back(None, 5)


class _WrongError(Exception):
    """What a proof was found to be."""


def prove(charges: Charges, error: Exception | None = None) -> None:
    """Have one looked at, which ends so."""
    with contextlib.suppress(_WrongError, TryLaterError, BusDownError), charges.proof(ALICE):
        if error is not None:
            raise error


def test_a_proof_that_fails_costs_its_whole_price() -> None:
    """A failed proof costs its whole price; a good one, or one that cannot be checked now, costs nothing."""
    clock = Clock()
    charges = Charges(PROOF, clock)
    for error in (None, TryLaterError("no keys", 1.0), BusDownError("no bus")):
        for _ in range(50):
            prove(charges, error)
    for _ in range(2):
        prove(charges, _WrongError())
    with refused():
        prove(charges)
    clock.now_s += 0.9
    prove(charges, _WrongError())
    with refused():
        prove(charges)
    with charges.proof(None):
        pass


def test_many_show_their_proofs_at_once_and_owe_for_what_fails() -> None:
    """Many proofs may be checked at once; failed ones are owed, and until then no other of that address is checked."""
    clock = Clock()
    charges = Charges(PROOF, clock)
    with contextlib.ExitStack() as good:
        for _ in range(PROOF):
            good.enter_context(charges.proof(ALICE))
        with refused():
            prove(charges)
    with contextlib.ExitStack() as wrong:
        for _ in range(PROOF):
            wrong.enter_context(contextlib.suppress(_WrongError))
            wrong.enter_context(charges.proof(ALICE))
            wrong.callback(_raise)
    owed = PROOF * PROOF - 2 * PROOF
    clock.now_s += owed / PROOF
    with refused():
        prove(charges)
    clock.now_s += 0.3
    prove(charges)


def _raise() -> None:
    raise _WrongError


def test_without_a_rate_nothing_is_limited() -> None:
    """Without a rate nothing is limited; a rate may be set and removed."""
    charges = Charges(0, Clock())
    bucket = charges.connection()
    for _ in range(1000):
        charges.take_head(ALICE, bucket, REQUEST)
        charges.take(ALICE, METRICS)
    charges.change(1)
    charges.take_head(ALICE, bucket, REQUEST)
    with refused():
        charges.take_head(ALICE, bucket, REQUEST)
    charges.change(0)
    for _ in range(100):
        charges.take_head(ALICE, bucket, REQUEST)


def test_several_tokens_are_taken_at_once_or_not_at_all() -> None:
    """Several tokens are taken at once or not at all."""
    buckets = AddressBuckets(Rate(1, 10))
    assert [True, False, True, False] == [buckets.spend("a", tokens, 5.0) for tokens in (7, 4, 3, 1)]
    assert buckets.spend("b", 10, 5.0)
    assert not buckets.spend("c", 11, 5.0)


def test_what_is_given_back_can_be_taken_again() -> None:
    """Returned tokens can be taken again, up to a full bucket; unknown keys are not kept."""
    buckets = AddressBuckets(Rate(1, 10))
    for _ in range(100):
        assert buckets.spend("a", 10, 5.0)
        buckets.give_back("a", 10, 5.0)
    buckets.give_back("a", 50, 5.0)
    buckets.give_back("b", 50, 5.0)
    assert [True, False] == [buckets.spend("a", tokens, 5.0) for tokens in (10, 1)]
    assert buckets.spend("b", 10, 50.0)
    assert 1 == len(buckets)


def test_who_meets_the_limit_is_told_of() -> None:
    """A client that meets a limit is reported."""
    met: list[str] = []
    charges = Charges(1, Clock(), met.append)
    bucket = charges.connection()
    for address in (ALICE, ALICE, BOB):
        with contextlib.suppress(RefusalError):
            charges.take_head(address, bucket if address == ALICE else charges.connection(), REQUEST)
    with refused():
        charges.take(BOB, METRICS)
    assert [ALICE, BOB] == met


def test_a_purse_goes_by_another_rate_at_once() -> None:
    """A bucket uses another rate at once."""
    rate = Rate(1, 10)
    bucket = ConnectionBucket(rate)
    assert [True, False, True, False] == [bucket.spend(tokens, 5.0) for tokens in (7, 4, 3, 1)]
    rate.change(1, 2)
    assert [True, True, False] == [bucket.spend(1, 5.0) for _ in range(3)]
