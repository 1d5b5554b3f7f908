"""Families as text for Prometheus (its text format, version 0.0.4), in turns: a scrape must not delay a price.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import asyncio
from collections.abc import AsyncIterable, Iterable, Iterator
from typing import Final

from market.metrics.family import Family
from market.metrics.histogram import Histogram

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

LINES_A_TURN: Final = 500
"""Written in one turn of the event loop: half a millisecond or so."""


async def expose(families: Iterable[Family] | AsyncIterable[Family]) -> bytes:
    """The text. After each `LINES_A_TURN` lines the event loop may do something else."""
    lines: list[str] = []
    due = LINES_A_TURN
    async for family in _each(families):
        for line in _lines(family):
            lines.append(line)
            if len(lines) >= due:
                due += LINES_A_TURN
                await asyncio.sleep(0)
    return "".join(lines).encode()


async def _each(families: Iterable[Family] | AsyncIterable[Family]) -> AsyncIterable[Family]:
    if isinstance(families, AsyncIterable):
        async for family in families:
            yield family
    else:
        for family in families:
            yield family


def _lines(family: Family) -> Iterator[str]:
    name = family.name
    yield f"# HELP {name} {_escaped(family.meaning)}\n# TYPE {name} {family.kind}\n"
    for values, value in family.values.items():
        labels = ",".join(f'{label}="{_quoted(one)}"' for label, one in zip(family.labels, values, strict=True))
        if isinstance(value, Histogram):
            before = labels and f"{labels},"
            for bound, count in value.buckets():
                yield f'{name}_bucket{{{before}le="{bound}"}} {count}\n'
            after = labels and f"{{{labels}}}"
            yield f"{name}_sum{after} {value.total!r}\n"
            yield f"{name}_count{after} {value.count}\n"
        elif labels:
            yield f"{name}{{{labels}}} {float(value)!r}\n"
        else:
            yield f"{name} {float(value)!r}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', r"\"")
