"""Who is waited for when a gateway goes away: those that ask for its readiness again and again."""

import itertools

from gateway.admission.probes import ANSWERS, Probes

BALANCER, OTHER = "10.0.0.1", "10.0.0.2"


def asked(probes: Probes, address: str, *times: float, status: int = 200) -> None:
    """Let a balancer at ``address`` ask at these times."""
    for at in times:
        probes.answered(address, status, at)


def test_a_balancer_asks_again_and_again() -> None:
    """An address that got 200 twice is a balancer; one that asks only until its first 200 is not."""
    probes = Probes()
    asked(probes, OTHER, 0, 0.1, 0.2, status=503)
    asked(probes, OTHER, 0.3)
    asked(probes, BALANCER, 0, 0.4)
    assert [BALANCER] == probes.regular(0.5)


def test_one_that_has_ceased_to_ask_is_none() -> None:
    """A balancer that stops asking is forgotten after twice its own interval and a second."""
    probes = Probes()
    asked(probes, BALANCER, 0, 0.4)
    asked(probes, OTHER, 0, 10)
    assert [BALANCER, OTHER] == sorted(probes.regular(1.5))
    assert [OTHER] == probes.regular(11)
    assert [] == probes.regular(40)


def test_each_is_to_be_told_several_times() -> None:
    """Each balancer must get several 404s: HAProxy needs one, others two or three."""
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
    """An address that never got 200 sends no clients here, so its 404s do not count."""
    probes = Probes()
    asked(probes, OTHER, 1, 2, 3, 4, status=404)
    assert [] == probes.regular(4)


def test_strangers_that_ask_fill_no_memory() -> None:
    """Any number of asking addresses does not displace the balancer, which asks all the time."""
    probes = Probes()
    for at, number in zip(itertools.count(step=0.1), range(1000)):
        asked(probes, f"10.1.{number // 256}.{number % 256}", at)
        asked(probes, BALANCER, at)
    assert BALANCER in probes.regular(100)
    assert len(probes._askers) < 100
