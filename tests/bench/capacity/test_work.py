"""How much is done each second."""

import random
from dataclasses import replace

import pytest

from bench.capacity.work import Load, of, of_bus, of_front, of_gateways
from bench.scenarios import Scenario

LOAD = Load(clients=50, gateways=2, each=20, symbols=100, ticks_per_s=1_000, burst=10, alike=False)


def test_a_client_is_written_to_for_each_flush_that_has_a_symbol_of_its_own() -> None:
    """The share of such flushes is what drawing symbols shows."""
    rng = random.Random(1)
    mine = set(range(20))
    hits = sum(not mine.isdisjoint(rng.sample(range(100), 10)) for _ in range(20_000)) / 20_000
    assert LOAD.hit_share == pytest.approx(hits, rel=0.01)
    assert LOAD.writes_per_client_s == pytest.approx(100 * hits, rel=0.01)
    assert LOAD.ticks_per_client_s == pytest.approx(200)


def test_who_holds_all_symbols_is_written_to_for_each_flush() -> None:
    """And is sent every tick."""
    everything = replace(LOAD, each=100, alike=True)
    assert (everything.writes_per_client_s, everything.ticks_per_client_s) == (100, 1_000)
    assert of_gateways(everything)["join"] == 200


def test_conflation_bounds_writes_and_ticks() -> None:
    """Of a symbol that ticks ten times a second at random, one a second is left, or a little less."""
    slow = replace(LOAD, max_hz=1)
    assert slow.writes_per_client_s == 1
    assert 19.9 < slow.ticks_per_client_s <= 20
    rare = replace(LOAD, max_hz=1, ticks_per_s=1)
    assert rare.ticks_per_client_s == pytest.approx(0.2, rel=0.01)


def test_a_batch_is_one_message_for_each_partition_that_it_reaches() -> None:
    """Ten ticks on four partitions leave hardly one of them empty; each gateway gets every message."""
    assert (of_bus(LOAD)["message"], of_bus(LOAD)["delivery"]) == (1_100, 200)
    assert replace(LOAD, symbol_channels=False).published_per_s == 100
    assert 370 < replace(LOAD, partitions=4).messages_per_s < 400
    single = of_bus(replace(LOAD, batched=False))
    assert (single["message"], single["delivery"]) == (1_000, 2_000)
    assert 270 < replace(LOAD, links=3).reads_per_s < 300


def test_the_memory_of_many_clients_must_be_fetched() -> None:
    """With a thousand at a gateway for half of the writes, with few for hardly any."""
    assert replace(LOAD, clients=2_000).cold_share == 0.5
    assert LOAD.cold_share < 0.03
    assert of_gateways(LOAD)["cold"] == pytest.approx(of_gateways(LOAD)["write"] * LOAD.cold_share)


def test_all_that_clients_get_goes_through_the_front() -> None:
    """As many writes, and all bytes."""
    front = of_front(LOAD, 200)
    assert front["write"] == of_gateways(LOAD)["write"]
    assert front["kilobyte"] == pytest.approx(50 * 200 * 0.2)


def test_a_scenario_of_the_bench_is_a_load() -> None:
    """Its feed has a hundred symbols."""
    scenario = Scenario(name="", about="", clients=10, each=100, ticks_per_s=500, burst=5, gateways=2)
    load = of(scenario)
    assert (load.alike, load.writes_per_client_s, of_gateways(load)["read"]) == (True, 100, 200)
