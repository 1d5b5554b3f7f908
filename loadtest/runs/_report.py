"""What a run found, in a few rows: the page ``/tickgate`` of Locust's web interface, and ``--report``."""

import html
from typing import Any

from locust.stats import RequestStats

from loadtest.users._kinds import KINDS

TITLES = ("what", "count", "failures", "p50 ms", "p99 ms", "max ms")
ROWS = ("tick latency", "connect", "first tick", "reconnect", "recovery", "gap", "wrong price", "disconnect", "refused")
"""Of the plain kind always shown, in this order, though nothing happened; "tick latency" is the age of a price on
arrival."""
MORE = ("renewal", "token", "price", "conflated", "cut off")
"""Shown where they occurred, as are all rows of the other kinds."""


def report(stats: RequestStats) -> dict[str, dict[str, Any]]:
    """Name of a row → ``count``, ``failures``, and ``p50_ms``, ``p99_ms``, ``max_ms``, None where nothing was timed."""
    entries = {entry.name: entry for entry in stats.entries.values()}
    rows = {}
    for name in (kind.row(row) for row in (*ROWS, *MORE) for kind in KINDS.values()):
        entry = entries.get(name)
        if entry is None and name not in ROWS:
            continue
        timed = entry is not None and bool(entry.response_times)
        rows[name] = {
            "count": entry.num_requests if entry else 0,
            "failures": entry.num_failures if entry else 0,
            "p50_ms": entry.get_response_time_percentile(0.5) if entry and timed else None,
            "p99_ms": entry.get_response_time_percentile(0.99) if entry and timed else None,
            "max_ms": entry.max_response_time if entry and timed else None,
        }
    return rows


def page(rows: dict[str, dict[str, Any]], *, again: bool = False) -> str:
    """The rows as a page that needs no other file; it loads itself ``again`` every two seconds, or stays."""
    head = "".join(f"<th>{title}</th>" for title in TITLES)
    body = "".join(
        f"<tr><td>{html.escape(name)}</td>" + "".join(f"<td>{_cell(value)}</td>" for value in row.values()) + "</tr>"
        for name, row in rows.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">'
        + again * '<meta http-equiv="refresh" content="2">'
        + "<title>tickgate under load</title><style>body{font:16px sans-serif}"
        "td,th{padding:.2em 1em;text-align:right}"
        "td:first-child,th:first-child{text-align:left}</style>"
        f"<h1>tickgate under load</h1><table><tr>{head}</tr>{body}</table></html>"
    )


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"
