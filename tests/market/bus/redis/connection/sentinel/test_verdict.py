"""Which server is the primary, by what the Sentinels say."""

import pytest

from market.bus.redis.connection.sentinel.verdict import Address, Answer, Verdict, decide

A, B, C = (Address(f"10.0.0.{number}", 6379) for number in (1, 2, 3))


def says(address: Address, epoch: int = 5) -> Answer:
    """One Sentinel's answer."""
    return Answer(address, epoch)


@pytest.mark.parametrize(
    ("answers", "before", "expected"),
    [
        # Nobody answers: it stays where it was.
        ([None, None, None], None, None),
        ([None, None, None], Verdict((A,), 5), Verdict((A,), 5)),
        # One is enough where the others do not contradict it, or are behind.
        ([None, says(A), None], None, Verdict((A,), 5)),
        ([says(A, 4), says(A, 4), says(B, 5)], None, Verdict((B,), 5)),
        ([says(A, 4), says(A, 4), says(B, 5)], Verdict((A,), 4), Verdict((B,), 5)),
        # The epoch grows though the primary is the same: a failover and back.
        ([says(A, 6), None, None], Verdict((A,), 4), Verdict((A,), 6)),
        # A few that are behind what was known may be cut off; most of them were configured anew.
        ([says(A, 4), None, None], Verdict((B,), 5), Verdict((B,), 5)),
        ([says(A, 4), says(A, 4), None, None], Verdict((B,), 5), Verdict((B,), 5)),
        ([says(A, 0), says(A, 0), None], Verdict((B,), 5), Verdict((A,), 0)),
        ([says(A, 0)], Verdict((B,), 5), Verdict((A,), 0)),
        # Of one epoch: the address that most name first, else in the order of the URL.
        ([says(A), says(B), says(B)], None, Verdict((B, A), 5)),
        ([says(A), says(B), None], None, Verdict((A, B), 5)),
        ([says(C), says(B), says(A)], Verdict((A,), 5), Verdict((C, B, A), 5)),
        ([says(C, 4), says(B), says(A)], None, Verdict((B, A), 5)),
    ],
)
def test_the_verdict(answers: list[Answer | None], before: Verdict | None, expected: Verdict | None) -> None:
    """The newest configuration wins; a minority that is behind does not bring an older one back."""
    assert expected == decide(answers, before)


def test_an_address_as_it_is_written() -> None:
    """IPv6 is in brackets."""
    assert ("10.0.0.1:6379", "[2001:db8::7]:1") == (str(A), str(Address("2001:db8::7", 1)))
