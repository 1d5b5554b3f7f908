"""Who is waited for when a gateway goes away: those that ask for its readiness again and again."""

import itertools

from gateway.admission.probes import ANSWERS, Probes

BALANCER, OTHER = "10.0.0.1", "10.0.0.2"


def asked(probes: Probes, address: str, *times: float, status: int = 200) -> None:
    """Let a balancer at ``address`` ask at these times."""
    for at in times:
        probes.answered(address, status, at)


def test_a_balancer_asks_again_and_again() -> None:
    """Twice is again, once is not: a launcher or a person asks until the first 200."""
    probes = Probes()
    asked(probes, OTHER, 0, 0.1, 0.2, status=503)
    asked(probes, OTHER, 0.3)
    asked(probes, BALANCER, 0, 0.4)
    assert [BALANCER] == probes.regular(0.5)


def test_one_that_has_ceased_to_ask_is_none() -> None:
    """It is given twice its own interval, and a second: a slow balancer is one all the same."""
    probes = Probes()
    asked(probes, BALANCER, 0, 0.4)
    asked(probes, OTHER, 0, 10)
    assert [BALANCER, OTHER] == sorted(probes.regular(1.5))
    assert [OTHER] == probes.regular(11)
    assert [] == probes.regular(40)


def test_each_is_to_be_told_several_times() -> None:
    """HAProxy needs one 404, others two or three; one that is told does not stand for another."""
    probes = Probes()
    asked(probes, BALANCER, 0, 0.4)
    asked(probes, OTHER, 0, 0.4)
    both = probes.regular(0.5)
    asked(probes, BALANCER, *range(1, ANSWERS + 1), status=404)
    asked(probes, OTHER, *range(1, ANSWERS), status=404)
    assert [BALANCER] == [address for address in both if probes.all_informed([address])]
    asked(probes, OTHER, 9, status=404)
    assert probes.all_informed(both)


def test_a_404_to_somebody_else_is_nobodys() -> None:
    """Who was never told 200 sends nobody here, and need not be told anything."""
    probes = Probes()
    asked(probes, OTHER, 1, 2, 3, 4, status=404)
    assert [] == probes.regular(4)


def test_strangers_that_ask_fill_no_memory() -> None:
    """However many addresses ask, the balancer, which asks all the time, is not forgotten."""
    probes = Probes()
    for at, number in zip(itertools.count(step=0.1), range(1000)):
        asked(probes, f"10.1.{number // 256}.{number % 256}", at)
        asked(probes, BALANCER, at)
    assert BALANCER in probes.regular(100)
    assert len(probes._askers) < 100
