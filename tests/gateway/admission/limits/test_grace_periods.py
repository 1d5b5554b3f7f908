"""Who is heard for a moment although a limit was met. On a virtual clock."""

import asyncio
from functools import partial

from gateway.admission.limits.grace_periods import GRACE_S, MOST_OF_ONE, MOST_PER_S, GracePeriods
from tests.fakes import run_virtual


def test_a_moment_has_its_end() -> None:
    """A grace period ends at its time, unless the request came before."""

    async def main() -> None:
        grace_periods = GracePeriods()
        over: list[int] = []
        for who in range(2):
            assert grace_periods.give(who, "a", partial(over.append, who))
        grace_periods.end(1)
        grace_periods.end(1)
        await asyncio.sleep(GRACE_S * 1.1)
        assert [0] == over
        grace_periods.end(0)
        assert 0 == len(grace_periods)

    run_virtual(main())


def test_few_of_an_address_have_one_at_once() -> None:
    """Only a few connections of an address have one at once; one that ends makes room."""

    async def main() -> None:
        grace_periods = GracePeriods()
        assert [True] * MOST_OF_ONE + [False] == [
            grace_periods.give(n, "a", lambda: None) for n in range(MOST_OF_ONE + 1)
        ]
        assert grace_periods.give("other", "b", lambda: None)
        grace_periods.end(3)
        assert [True, False] == [grace_periods.give(n, "a", lambda: None) for n in (100, 101)]
        for who in (*range(MOST_OF_ONE), "other", 100):
            grace_periods.end(who)

    run_virtual(main())


def test_few_probes_of_an_address_are_answered_in_a_second() -> None:
    """Few probes of an address are answered in a second; a balancer's probe each second is among them."""

    async def main() -> None:
        grace_periods = GracePeriods()
        loop = asyncio.get_running_loop()
        begun, answered = loop.time(), 0
        while loop.time() < begun + 3:
            answered += sum(grace_periods.may_ask("a") for _ in range(10))
            assert grace_periods.may_ask("b")
            await asyncio.sleep(0.01)
        assert abs(answered - (3 + GRACE_S) * MOST_PER_S) < 10

    run_virtual(main())
