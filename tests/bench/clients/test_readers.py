"""Readers of every speed."""

from bench.clients.readers import Allowance


def test_an_allowance_gives_what_the_time_is_worth() -> None:
    """At 1,000 bytes a second, 50 in a twentieth of one; parts of a byte are kept until they are one."""
    allowance = Allowance(1_000, now=10.0)
    assert [allowance.take(10.05), allowance.take(10.0505), allowance.take(10.0515)] == [50, 0, 1]
