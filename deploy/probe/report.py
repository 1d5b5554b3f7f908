"""What a probe says: lines for people, JSON for programs, metrics for Prometheus."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from deploy.probe.verdict import Finding, Seen, percentile
from market.metrics.exposition import expose
from market.metrics.family import Family, gauge, gauges
from market.process.printable import printable


def lines(found: Sequence[Finding]) -> Iterator[str]:
    """One for each finding; a gateway's words cannot do anything in a terminal."""
    for one in found:
        yield f"{'ok' if one.is_good else 'BREACH':<7} {printable(one.text)}"


def as_json(url: str, seen: Seen, found: Sequence[Finding]) -> bytes:
    """Everything on one line. The ages are there as p50 and maximum, in seconds."""
    ages = {"p50": percentile(seen.ages_s, 0.5), "max": max(seen.ages_s)} if seen.ages_s else None
    return orjson.dumps(
        {
            "url": url,
            "good": all(one.is_good for one in found),
            "findings": [{"name": one.name, "good": one.is_good, "text": one.text} for one in found],
            "connect_s": seen.connect_s,
            "feeds": seen.feeds,
            "symbols": seen.symbols,
            "stale": seen.stale,
            "ticks": seen.ticks,
            "age_s": ages,
            "gaps": seen.gaps,
            "certificate_ends_s": seen.certificate_ends_s,
            "for_s": seen.for_s,
        }
    )


def families(seen: Seen, found: Sequence[Finding], now_s: float) -> Iterator[Family]:
    """For the node exporter's textfile collector."""
    good = all(one.is_good for one in found)
    yield gauge("tickgate_probe_good", "1 if the gateway was good for a client.", good)
    yield gauge("tickgate_probe_timestamp_seconds", "When that was, Unix seconds.", now_s)
    breaches = dict.fromkeys((one.name for one in found), 0)
    for one in found:
        breaches[one.name] += not one.is_good
    yield gauges("tickgate_probe_breaches", "What was looked at and not good enough.", "check", breaches.items())
    if seen.connect_s is not None:
        yield gauge("tickgate_probe_connect_seconds", "From the first packet to the welcome.", seen.connect_s)
        yield gauge("tickgate_probe_ticks", "Ticks that came.", seen.ticks)
        yield gauge("tickgate_probe_gaps", "Ticks that are missing.", seen.gaps)
        yield gauge("tickgate_probe_stale_symbols", "Symbols whose price may be old.", len(seen.stale))
    if seen.ages_s:
        ages = {"0.5": percentile(seen.ages_s, 0.5), "0.99": percentile(seen.ages_s, 0.99), "1": max(seen.ages_s)}
        text = "Age of ticks when they came, by the gateway's clock."
        yield gauges("tickgate_probe_age_seconds", text, "quantile", ages.items())
    if seen.certificate_ends_s is not None:
        text = "When the certificate ends, Unix seconds."
        yield gauge("tickgate_probe_certificate_not_after_timestamp_seconds", text, seen.certificate_ends_s)


async def write_metrics(path: Path, seen: Seen, found: Sequence[Finding], now_s: float) -> None:
    """Write them at once: a collector never reads half a file.

    Raises:
        OSError: the file cannot be written.
    """
    text = await expose(families(seen, found, now_s))
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(text)
    beside.replace(path)
