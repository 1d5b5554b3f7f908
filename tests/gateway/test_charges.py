"""What requests cost, and whom. No sockets, and a clock that is set by hand."""

import pytest

from gateway.charges import METRICS, PROOF, Charges
from gateway.refusal import RefusalError

ALICE, BOB = "203.0.113.9", "203.0.113.10"
PAGE, PROBE = b"GET / HTTP/1.1\r\n\r\n", b"GET /readyz HTTP/1.1\r\n\r\n"


class Clock:
    """Seconds, as the test says."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def refused() -> object:
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
