"""What a process is and holds, for every program's metrics."""

import platform
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector

from market.metrics.family import Family, Kind
from market.process.version import version

_NONE = CollectorRegistry()
_COLLECTORS = (ProcessCollector(registry=_NONE), GCCollector(registry=_NONE))


def process_families(prefix: str) -> Iterator[Family]:
    """Version, CPU time, memory, descriptors, start and garbage collections of this process.

    All but the first have the names that Prometheus' own clients give them: dashboards know them.
    """
    names = {(version(), platform.python_version()): 1.0}
    yield Family(f"{prefix}_build_info", "gauge", "1; the labels say what runs here.", names, ("version", "python"))
    for collector in _COLLECTORS:
        for metric in collector.collect():
            if metric.samples:
                name, labels = metric.samples[0].name, tuple(metric.samples[0].labels)
                values = {tuple(sample.labels.values()): sample.value for sample in metric.samples}
                kind: Kind = "counter" if metric.type == "counter" else "gauge"
                yield Family(name, kind, metric.documentation, values, labels)
