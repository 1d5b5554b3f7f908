"""What requests cost, and whom. No sockets, and a clock that is set by hand."""

import contextlib

import pytest

from gateway.charges import METRICS, PROOF, Charges, Purses
from gateway.limits import Rate
from gateway.refusal import RefusalError

ALICE, BOB = "203.0.113.9", "203.0.113.10"
PAGE, PROBE = b"GET / HTTP/1.1\r\n\r\n", b"GET /readyz HTTP/1.1\r\n\r\n"


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
    """Two seconds' worth at once, then the rate; another address is not concerned, and this machine pays nothing."""
    clock = Clock()
    charges = Charges(10, clock)
    for _ in range(20):
        charges.take_request(ALICE, "/")
    with refused():
        charges.take_request(ALICE, "/")
    charges.take_request(BOB, "/")
    for _ in range(100):
        charges.take_request(None, "/")
    clock.now_s += 1
    for _ in range(10):
        charges.take_request(ALICE, "/")
    with refused():
        charges.take_request(ALICE, "/")


def test_one_connection_takes_half_of_what_its_address_may() -> None:
    """The other half is left for its neighbours' connections; what one was refused is charged to nobody."""
    clock = Clock()
    charges = Charges(10, clock)
    greedy, other = charges.connection(), charges.connection()
    for _ in range(10):
        charges.take_head(ALICE, greedy, PAGE)
    for _ in range(5):
        with refused():
            charges.take_head(ALICE, greedy, PAGE)
    for _ in range(10):
        charges.take_head(ALICE, other, PAGE)
    with refused():
        charges.take_head(ALICE, charges.connection(), PAGE)


def test_balancers_ask_whatever_their_neighbours_do() -> None:
    """Probes are counted apart, and have the same limit."""
    charges = Charges(1, Clock())
    for _ in range(2):
        charges.take_request(ALICE, "/")
    with refused():
        charges.take_request(ALICE, "/")
    charges.take_request(ALICE, "/healthz")
    charges.take_head(ALICE, charges.connection(), PROBE)
    for _ in range(2):
        with refused():
            charges.take_head(ALICE, charges.connection(), PROBE)
    with refused():
        charges.take_request(ALICE, "/readyz")


def test_work_is_charged_before_it_is_done_and_given_back_to_the_honest() -> None:
    """Who cannot pay for all of it is charged nothing."""
    charges = Charges(PROOF, Clock())
    for _ in range(50):
        charges.take(ALICE, PROOF)
        charges.give_back(ALICE, PROOF)
    charges.take(ALICE, PROOF)
    charges.take(ALICE, PROOF - 1)
    with refused():
        charges.take(ALICE, METRICS)
    charges.take(ALICE, 1)
    charges.give_back(BOB, 5)
    charges.give_back(None, 5)


def test_without_a_rate_nothing_is_limited() -> None:
    """And a rate may come, and go."""
    charges = Charges(0, Clock())
    bucket = charges.connection()
    for _ in range(1000):
        charges.take_head(ALICE, bucket, PAGE)
        charges.take(ALICE, METRICS)
    charges.change(1)
    charges.take_head(ALICE, bucket, PAGE)
    with refused():
        charges.take_head(ALICE, bucket, PAGE)
    charges.change(0)
    for _ in range(100):
        charges.take_head(ALICE, bucket, PAGE)


def test_several_tokens_are_taken_at_once_or_not_at_all() -> None:
    """Who has not so many left is charged nothing, and may still take fewer."""
    purses = Purses(Rate(1, 10))
    assert [True, False, True, False] == [purses.spend("a", tokens, 5.0) for tokens in (7, 4, 3, 1)]
    assert purses.spend("b", 10, 5.0)
    assert not purses.spend("c", 11, 5.0)


def test_what_is_given_back_can_be_taken_again() -> None:
    """And no more than that: a purse is never fuller than full, and of a stranger's nothing is kept."""
    purses = Purses(Rate(1, 10))
    for _ in range(100):
        assert purses.spend("a", 10, 5.0)
        purses.give_back("a", 10, 5.0)
    purses.give_back("a", 50, 5.0)
    purses.give_back("b", 50, 5.0)
    assert [True, False] == [purses.spend("a", tokens, 5.0) for tokens in (10, 1)]
    assert purses.spend("b", 10, 50.0)
    assert 1 == len(purses)


def test_who_meets_the_limit_is_told_of() -> None:
    """Whatever it was that was too much."""
    met: list[str] = []
    charges = Charges(1, Clock(), met.append)
    bucket = charges.connection()
    for address in (ALICE, ALICE, BOB):
        with contextlib.suppress(RefusalError):
            charges.take_head(address, bucket if address == ALICE else charges.connection(), PAGE)
    with refused():
        charges.take(BOB, METRICS)
    assert [ALICE, BOB] == met
