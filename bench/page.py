"""The dashboard under load, in a real Chromium: frames a second, and the share of the main thread.

    python -m bench.page

A gateway with default settings gets a thousand ticks a second of a hundred symbols, and Chromium has its page open.
What the browser does is read from its own trace. The publisher's prices jump: each tick changes all figures of its row.
"""

import argparse
import asyncio
import itertools
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import quantiles
from typing import Any, Final, NamedTuple

import msgspec

from bench.feed.ticks import SYMBOLS
from bench.host.processes import ROOT
from bench.host.trees import THIS, Tree
from bench.measuring.ground import prepared
from bench.servers.server import HOST
from bench.servers.stack import running
from tests.browser import Page, open_page, running_browser

_SECONDS: Final = 10.0
_SETTLE_S: Final = 4.0
_CATEGORIES: Final = (
    "toplevel",
    "devtools.timeline",
    "disabled-by-default-devtools.timeline.frame",
    "blink.user_timing",
)
_WORK: Final = (
    *("FunctionCall", "FireAnimationFrame", "TimerFire", "HandlePostMessage", "v8.callFunction", "MinorGC", "MajorGC"),
    *("UpdateLayoutTree", "Layout", "PrePaint", "Paint", "Layerize", "Commit", "WebSocketReceive"),
)
"""Kinds of work on the main thread that are named in the result. Some contain others."""
_HEAD: Final = """| window | frames/s | main thread, CPU | with waits | longest task, ms | p99 of tasks, ms |
| --- | --- | --- | --- | --- | --- |"""
_COUNT: Final = """(() => {
    window.drawn = { count: 0, from: performance.now() };
    const next = () => { drawn.count++; requestAnimationFrame(next); };
    requestAnimationFrame(next);
})()"""
_SIZES: Final = {"laptop": (1280, 800), "wide": (1920, 1080), "phone": (390, 844)}


class Work(NamedTuple):
    """What a browser did in a while."""

    seconds: float
    frames_per_s: float
    """As a script sees them that asks for each."""
    busy_s: float
    """CPU time of the page's main thread."""
    taken_s: float
    """Time in its tasks, with what other programs took of that."""
    longest_ms: float
    """Its longest task."""
    p99_ms: float
    kinds: Mapping[str, float]
    """Seconds by kind of work."""


def work(events: Iterable[Mapping[str, Any]], seconds: float, frames_per_s: float) -> Work:
    """What a trace of ``seconds`` says. Its times are microseconds.

    Raises:
        ValueError: no page's main thread is in it.
    """
    tasks: dict[tuple[int, int], list[float]] = {}
    mains, cpu, kinds = set(), Counter[tuple[int, int]](), dict[tuple[int, int], Counter[str]]()
    for event in events:
        thread = event["pid"], event["tid"]
        name = event["name"]
        if name == "thread_name" and event["args"]["name"] == "CrRendererMain":
            mains.add(thread)
        elif name.endswith("RunTask") and "dur" in event:
            tasks.setdefault(thread, []).append(event["dur"])
            cpu[thread] += event.get("tdur", event["dur"])
        if name in _WORK and "dur" in event:
            kinds.setdefault(thread, Counter())[name] += event["dur"]
    if not mains & tasks.keys():
        raise ValueError("the trace has no main thread of a page; is this another version of Chromium?")
    main = max(mains & tasks.keys(), key=lambda thread: sum(tasks[thread]))
    its = tasks[main]
    return Work(
        seconds=seconds,
        frames_per_s=frames_per_s,
        busy_s=cpu[main] / 1e6,
        taken_s=sum(its) / 1e6,
        longest_ms=max(its) / 1e3,
        p99_ms=quantiles(its, n=100)[98] / 1e3 if len(its) > 1 else its[0] / 1e3,
        kinds={name: us / 1e6 for name, us in kinds.get(main, Counter()).most_common()},
    )


def line(name: str, its: Work) -> str:
    """A row of the table in docs/measured.md."""
    busy, taken = its.busy_s / its.seconds, its.taken_s / its.seconds
    return f"| {name} | {its.frames_per_s:.1f} | {busy:.1%} | {taken:.1%} | {its.longest_ms:.1f} | {its.p99_ms:.2f} |"


async def _trace(page: Page, seconds: float) -> list[dict[str, Any]]:
    """Everything that the browser notes for ``seconds``."""
    found: list[dict[str, Any]] = []
    complete = asyncio.Event()
    page.on["Tracing.dataCollected"] = lambda params: found.extend(params["value"])
    page.on["Tracing.tracingComplete"] = lambda _: complete.set()
    config = {"recordMode": "recordAsMuchAsPossible", "includedCategories": list(_CATEGORIES)}
    await page.call("Tracing.start", traceConfig=config, transferMode="ReportEvents")
    await asyncio.sleep(seconds)
    await page.call("Tracing.end")
    async with asyncio.timeout(60):
        await complete.wait()
    return found


async def _measure(browser: str, url: str, size: tuple[int, int], seconds: float) -> tuple[list[dict[str, Any]], float]:
    async with open_page(browser) as page:
        await page.look(width=size[0], height=size[1])
        await page.open(url)
        await page.until(f"document.querySelectorAll('#rows tr').length === {len(SYMBOLS)}")
        await asyncio.sleep(_SETTLE_S)
        await page.evaluate(_COUNT)
        events = await _trace(page, seconds)
        frames_per_s = await page.evaluate("drawn.count / (performance.now() - drawn.from) * 1000")
        rate = await page.evaluate("document.querySelector('#rate').textContent")
        print(f"the page shows {rate} updates/s; complaints: {page.complaints or 'none'}", file=sys.stderr)
        return events, frames_per_s


def main(arguments: list[str]) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser("python -m bench.page", description="The dashboard under load, in Chromium.")
    parser.add_argument("--updates", type=float, default=1_000, help="ticks a second of a hundred symbols (1000)")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="to trace for each size (10)")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--sizes", default=",".join(_SIZES), help=f"of the window: {', '.join(_SIZES)}")
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree whose gateway serves its page")
    parser.add_argument("--trace", help="write the last trace here, for the performance panel of a browser")
    options = parser.parse_args(arguments)
    with prepared(0) as (_, bench, _), running(bench, Tree(THIS, options.root), "straight", options.updates) as stack:
        # A browser has many threads; it may use what the gateway leaves.
        os.sched_setaffinity(0, {bench.cores.server, bench.cores.load})
        url = f"http://{HOST}:{stack.port}/"
        print(_HEAD)
        with running_browser() as browser:
            for _, name in itertools.product(range(options.rounds), options.sizes.split(",")):
                events, frames_per_s = asyncio.run(_measure(browser, url, _SIZES[name], options.seconds))
                if options.trace:
                    Path(options.trace).write_text(json.dumps({"traceEvents": events}), encoding="utf-8")
                its = work(events, options.seconds, frames_per_s)
                print(line(f"{name}, {_SIZES[name][0]} × {_SIZES[name][1]}", its), flush=True)
                kinds = {kind: round(seconds, 3) for kind, seconds in its.kinds.items()}
                print(msgspec.json.encode(kinds).decode(), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
