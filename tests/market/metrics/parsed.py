"""Prometheus' text, read by Prometheus' own parser for Python."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Values = Mapping[tuple[str, ...], float]


def values_of(text: bytes) -> Values:
    """Name and values of the labels → value. Each family has a meaning, and no sample comes twice."""
    families = list(text_string_to_metric_families(text.decode()))
    assert all(family.documentation for family in families)
    samples = [
        ((sample.name, *sample.labels.values()), sample.value) for family in families for sample in family.samples
    ]
    values = dict(samples)
    assert len(samples) == len(values)
    return values
