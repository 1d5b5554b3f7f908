"""The collector shows everything that is counted."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.metrics import Counters, GatewayCollector


def test_every_counter_has_a_metric() -> None:
    """Whatever `Counters` counts can be scraped, by its own name and with a meaning."""
    counters = Counters()
    plain = [name for name, value in vars(counters).items() if isinstance(value, int)]
    for number, name in enumerate(plain, start=1):
        setattr(counters, name, number)
    counters.closed["DRAIN"] = 7
    counters.bus_refused["not_a_tick"] = 8
    registry = CollectorRegistry()
    registry.register(GatewayCollector(counters, {"connections": ("Clients.", lambda: 9)}))
    families = list(text_string_to_metric_families(generate_latest(registry).decode()))
    values = {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}
    assert all(family.documentation for family in families)
    expected = {(f"tickgate_{name}_total",): number for number, name in enumerate(plain, start=1)}
    expected |= {
        ("tickgate_closed_total", "drain"): 7,
        ("tickgate_bus_refused_total", "not_a_tick"): 8,
        ("tickgate_connections",): 9,
    }
    assert expected == values
