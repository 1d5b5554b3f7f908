"""Who is heard for a moment although a limit was met. On a virtual clock."""

import asyncio
from functools import partial

from gateway.admission.grace import GRACE_S, MOST_OF_ONE, MOST_PER_S, Graces
from tests.fakes import run_virtual


def test_a_moment_has_its_end() -> None:
    """Unless what was waited for came before it."""

    async def main() -> None:
        graces = Graces()
        over: list[int] = []
        for who in range(2):
            assert graces.give(who, "a", partial(over.append, who))
        graces.end(1)
        graces.end(1)
        await asyncio.sleep(GRACE_S * 1.1)
        assert [0] == over
        graces.end(0)
        assert 0 == len(graces)

    run_virtual(main())


def test_few_of_an_address_have_one_at_once() -> None:
    """Others' are not concerned, and one that ends makes room."""

    async def main() -> None:
        graces = Graces()
        assert [True] * MOST_OF_ONE + [False] == [graces.give(n, "a", lambda: None) for n in range(MOST_OF_ONE + 1)]
        assert graces.give("other", "b", lambda: None)
        graces.end(3)
        assert [True, False] == [graces.give(n, "a", lambda: None) for n in (100, 101)]
        for who in (*range(MOST_OF_ONE), "other", 100):
            graces.end(who)

    run_virtual(main())


def test_few_probes_of_an_address_are_answered_in_a_second() -> None:
    """However many ask; a balancer that asks each second at an address that is not flooded is answered."""

    async def main() -> None:
        graces = Graces()
        loop = asyncio.get_running_loop()
        begun, answered = loop.time(), 0
        while loop.time() < begun + 3:
            answered += sum(graces.may_ask("a") for _ in range(10))
            assert graces.may_ask("b")
            await asyncio.sleep(0.01)
        assert abs(answered - (3 + GRACE_S) * MOST_PER_S) < 10

    run_virtual(main())
