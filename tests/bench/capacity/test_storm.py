"""How the clients of many gateways come back, on virtual time."""

import random
import re
from dataclasses import replace

import pytest

from bench.capacity import storms
from bench.capacity.fleet import Limits
from bench.capacity.storm import Backoff, Loss, bound, simulate
from bench.host.processes import ROOT


def small(loss: Loss) -> Loss:
    """Make the same loss smaller, and its front."""
    backlog, per_s = loss.front_backlog // 100, loss.front_per_s / 100
    return replace(loss, gateways=50, clients_each=200, front_per_s=per_s, front_backlog=backlog)


SOME = (storms.GATEWAY, storms.DRAIN, storms.ZONE, storms.ZONE_DIRECT)


@pytest.mark.parametrize("loss", SOME, ids=lambda loss: loss.name)
def test_a_thousand_gateways_take_back_the_clients_of_some(loss: Loss) -> None:
    """A thousand clients each: no gateway gets more connects within a second than the stated bound."""
    outcome = simulate(loss)
    assert outcome.clients == loss.lost * 1_000
    assert outcome.peak_per_s <= bound(loss)
    assert outcome.refused == outcome.given_up == 0
    assert outcome.queue_s < 1


@pytest.mark.parametrize("loss", [storms.FRONT, storms.FRONT_DOWN], ids=lambda loss: loss.name)
def test_all_clients_come_back_after_their_front(loss: Loss) -> None:
    """At any size: each gateway gets its share, and all are back soon after it serves again."""
    outcome = simulate(small(loss))
    assert outcome.peak_per_s <= bound(small(loss))
    assert outcome.back_all_s < loss.down_s + Backoff().cap_s + Backoff().timeout_s


def test_the_same_seed_gives_the_same_storm() -> None:
    """And another one another."""
    loss = replace(storms.ZONE_DIRECT, gateways=50, lost=5, clients_each=100)
    assert simulate(loss, 1) == simulate(loss, 1) != simulate(loss, 2)


def test_without_the_random_wait_all_come_at_once() -> None:
    """It is the backoff that spreads them: within a tenth of a second comes a fifth of them, and not all."""
    loss = replace(small(storms.FRONT), front_per_s=0.0)
    assert simulate(loss).peak_per_100_ms < 0.3 * 200
    assert simulate(loss, backoff=Backoff(base_s=0.0)).peak_per_100_ms == 200


def test_a_gateway_that_is_told_when_to_leave_spreads_its_clients_evenly() -> None:
    """A drain's own times, not chance: at each other gateway one client after the other."""
    outcome = simulate(replace(storms.DRAIN, gateways=2, clients_each=1_000))
    assert outcome.peak_per_100_ms <= 41
    assert outcome.back_all_s == pytest.approx(2.5, abs=0.1)


def test_clients_that_wait_too_long_come_again_later() -> None:
    """A gateway that serves too slowly is given up, and tried again with longer waits, until all are in."""
    slow = replace(storms.FRONT, gateways=4, clients_each=300, limits=Limits(handshakes_per_s=20))
    outcome = simulate(slow)
    assert outcome.given_up > 0
    assert outcome.attempts > outcome.clients


def test_a_slow_front_takes_longer_and_all_get_in() -> None:
    """Clients that it keeps waiting give up and come again."""
    outcome = simulate(small(storms.SLOW_FRONT))
    assert outcome.given_up > 0
    assert outcome.peak_per_s <= bound(small(storms.SLOW_FRONT))
    assert outcome.back_all_s > 10_000 / (20_000 / 100)


def test_a_full_gateway_refuses_and_a_crowded_address_is_slowed() -> None:
    """Both come again; with room somewhere, all get in."""
    crowd = replace(
        storms.ZONE_KILLED,
        gateways=10,
        lost=5,
        clients_each=400,
        choice="random",
        clients_per_address=2_000,
        limits=Limits(address_per_s=20, address_burst=50),
    )
    assert simulate(crowd).refused > 0
    full = replace(crowd, clients_per_address=1, limits=Limits(max_connections=805))
    outcome = simulate(full)
    assert outcome.refused > 0
    assert outcome.clients == 2_000


def test_a_front_that_slows_a_crowded_address_spares_the_gateways() -> None:
    """Its clients come back at the front's rate, and what it refuses reaches no gateway."""
    crowd = replace(storms.OFFICES_FRONT, gateways=10, lost=5, clients_each=400, clients_per_address=2_000)
    outcome = simulate(crowd)
    assert outcome.refused > outcome.clients
    assert outcome.peak_per_s <= 125
    assert outcome.back_all_s > (2_000 - 500) / 50


def test_a_wait_is_a_random_share_of_a_time_that_doubles_up_to_a_cap() -> None:
    """As the dashboard's connection does."""
    rng = random.Random(1)
    for attempt, most in ((0, 0.5), (1, 1.0), (5, 16.0), (6, 30.0), (100, 30.0)):
        waits = [Backoff().wait_s(attempt, rng) for _ in range(2_000)]
        assert 0.95 * most < max(waits) <= most
        assert min(waits) < 0.05 * most


def test_the_backoff_is_the_dashboards() -> None:
    """The numbers of ``gateway/web/connection.js``."""
    script = (ROOT / "gateway/web/connection.js").read_text(encoding="utf-8")
    numbers = dict(re.findall(r"^const (\w+_MS) = ([\d_]+);", script, re.MULTILINE))
    backoff = Backoff()
    assert [int(numbers[name]) / 1000 for name in ("BACKOFF_BASE_MS", "BACKOFF_CAP_MS", "CONNECT_TIMEOUT_MS")] == [
        backoff.base_s,
        backoff.cap_s,
        backoff.timeout_s,
    ]
