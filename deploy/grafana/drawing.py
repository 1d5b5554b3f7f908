"""Draw panels as SVG: numbers, lines, states and tables, of what Prometheus answered."""

import math
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

from deploy.grafana.panels import Panel, Query, Unit
from deploy.grafana.prometheus import Series

COLUMN_PX: Final = 55
LINE_PX: Final = 30
_GAP_PX: Final = 8
_BACK, _BOX, _EDGE, _INK, _DIM = "#111217", "#181b1f", "#2c3036", "#d8d9da", "#8e9297"
_GREEN, _YELLOW, _RED = "#56a64b", "#e0b400", "#e02f44"
_COLOURS: Final = (
    *("#73bf69", "#f2cc0c", "#8ab8ff", "#ff9830", "#ff7383", "#b877d9"),
    *("#5794f2", "#fade2a", "#96d98d", "#ffb357", "#c4162a", "#a352cc"),
)
_MOST_LEGENDS: Final = 6
_WIDE_PX: Final = 240
"""From here on there is room for four times below a plot."""
_CHARACTER_PX: Final = 5.6
"""Of the small type, on average."""


@dataclass(frozen=True)
class Box:
    """A place on the picture, in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Line:
    """One series and its name."""

    name: str
    series: Series


def page(width: float, height: float, parts: Iterable[str]) -> str:
    """The whole picture."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" font-family="Helvetica, Arial, sans-serif" font-size="11">'
    )
    return "\n".join((head, f'<rect width="100%" height="100%" fill="{_BACK}"/>', *parts, "</svg>", ""))


def heading(text: str, y: float) -> str:
    """The title of a row."""
    return _text(10, y + LINE_PX * 0.65, text, size=15, weight="bold")


def named(query: Query, found: Sequence[Series]) -> list[Line]:
    """Series with the names that the query's legend gives them."""

    def name_of(series: Series) -> str:
        return re.sub(r"{{(\w+)}}", lambda label: series.labels.get(label[1], ""), query.legend).strip()

    return [Line(name_of(series), series) for series in found if series.points]


def draw(panel: Panel, box: Box, lines: Sequence[Line], start_s: float, end_s: float) -> Iterator[str]:
    """One panel with its frame; ``lines`` are what its queries found."""
    inner = Box(box.x + _GAP_PX / 2, box.y + _GAP_PX / 2, box.width - _GAP_PX, box.height - _GAP_PX)
    yield (
        f'<rect x="{inner.x:g}" y="{inner.y:g}" width="{inner.width:g}" height="{inner.height:g}" rx="3" '
        f'fill="{_BOX}" stroke="{_EDGE}"><title>{escape(panel.description)}</title></rect>'
    )
    yield _text(inner.x + 8, inner.y + 17, panel.title, size=12, weight="bold")
    body = Box(inner.x + 8, inner.y + 26, inner.width - 16, inner.height - 32)
    if not lines:
        yield _text(body.x, body.y + 20, "none" if panel.kind == "table" else "no data", colour=_DIM)
    elif panel.kind == "stat":
        yield from _numbers(panel, body, lines)
    elif panel.kind == "series":
        yield from _lines(panel, body, lines, start_s, end_s)
    elif panel.kind == "timeline":
        yield from _states(body, lines, start_s, end_s)
    else:
        yield from _table(body, lines)


def shown(value: float, unit: Unit) -> str:
    """A number as people read it."""
    if math.isnan(value):
        return "–"
    if unit == "s":
        for size, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms")):
            if abs(value) >= size:
                return f"{value / size:.3g} {name}"
        return f"{value * 1e6:.3g} µs" if value else "0 s"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    suffix = {"bytes": "B", "Bps": "B/s", "ops": "/s", "": ""}[unit]
    for size, name in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if name == 'k' else size):.3g} {name}{suffix}"
    return f"{value:.3g} {suffix}".strip() if abs(value) < 1000 else f"{value:.0f} {suffix}".strip()


def _numbers(panel: Panel, body: Box, lines: Sequence[Line]) -> Iterator[str]:
    height = body.height / len(lines)
    for index, line in enumerate(lines):
        value = line.series.last
        if panel.words is not None:
            text, colour = panel.words[bool(value)], _GREEN if value else _RED
        else:
            text, colour = shown(value, panel.unit), _judged(panel, value)
        size = min(30.0, height * 0.5, body.width / max(len(text), 4) * 1.6)
        y = body.y + index * height
        yield _text(body.x, y + size, text, size=size, colour=colour, weight="bold")
        yield _text(body.x, y + size + 14, line.name, colour=_DIM)


def _judged(panel: Panel, value: float) -> str:
    if panel.bad is not None and value >= panel.bad:
        return _RED
    return _YELLOW if panel.warn is not None and value >= panel.warn else _GREEN


def _lines(panel: Panel, body: Box, lines: Sequence[Line], start_s: float, end_s: float) -> Iterator[str]:
    values = [value for line in lines for _, value in line.series.points if math.isfinite(value)]
    top = max([*values, 0.0]) * 1.1 or 1.0
    plot = Box(body.x + 48, body.y + 4, body.width - 52, body.height - 52)

    def at(moment: float, value: float) -> tuple[float, float]:
        x = plot.x + (moment - start_s) / (end_s - start_s) * plot.width
        return x, plot.y + plot.height * (1 - min(max(value, 0) / top, 1))

    for part in range(4):
        y = plot.y + plot.height * part / 3
        yield f'<path d="M{plot.x:g} {y:.1f}h{plot.width:g}" stroke="{_EDGE}"/>'
        yield _text(plot.x - 5, y + 4, shown(top * (1 - part / 3), panel.unit), colour=_DIM, anchor="end", size=9)
    if panel.bad is not None and panel.bad < top:
        y = at(start_s, panel.bad)[1]
        yield f'<path d="M{plot.x:g} {y:.1f}h{plot.width:g}" stroke="{_RED}" stroke-dasharray="4 3"/>'
    yield from _times(plot, start_s, end_s)
    for index, line in enumerate(lines):
        colour = _COLOURS[index % len(_COLOURS)]
        for run in _runs(line.series.points, _step_of(line.series.points)):
            path = "L".join("{:.1f} {:.1f}".format(*at(*point)) for point in run)
            yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.4"/>'
    yield from _legend(body, lines)


def _runs(points: Iterable[tuple[float, float]], step_s: float) -> Iterator[list[tuple[float, float]]]:
    """Points that are numbers and follow each other without a gap."""
    run: list[tuple[float, float]] = []
    for point in points:
        if run and (not math.isfinite(point[1]) or point[0] - run[-1][0] > step_s * 1.5):
            yield run
            run = []
        if math.isfinite(point[1]):
            run.append(point)
    if run:
        yield run


def _step_of(points: Sequence[tuple[float, float]]) -> float:
    """Seconds from one point to the next, where none is missing."""
    return min((after[0] - before[0] for before, after in pairwise(points)), default=5.0)


def _times(plot: Box, start_s: float, end_s: float) -> Iterator[str]:
    parts = 3 if plot.width > _WIDE_PX else 1
    for part in range(parts + 1):
        moment = start_s + (end_s - start_s) * part / parts
        anchor = {0: "start", parts: "end"}.get(part, "middle")
        text = time.strftime("%H:%M:%S", time.gmtime(moment))
        yield _text(
            plot.x + plot.width * part / parts, plot.y + plot.height + 12, text, colour=_DIM, anchor=anchor, size=9
        )


def _legend(body: Box, lines: Sequence[Line]) -> Iterator[str]:
    x, y = body.x, body.y + body.height - 18
    for index, line in enumerate(lines):
        width = 14 + len(line.name) * _CHARACTER_PX + 10
        full = x + width > body.x + body.width and x > body.x
        if index == _MOST_LEGENDS or (full and y > body.y + body.height - 18):
            yield _text(x, y, f"and {len(lines) - index} more", colour=_DIM, size=10)
            return
        if full:
            x, y = body.x, y + 14
        yield f'<path d="M{x:g} {y - 4:g}h10" stroke="{_COLOURS[index % len(_COLOURS)]}" stroke-width="3"/>'
        yield _text(x + 14, y, line.name, colour=_DIM, size=10)
        x += width


def _states(body: Box, lines: Sequence[Line], start_s: float, end_s: float) -> Iterator[str]:
    names = max(len(line.name) for line in lines) * _CHARACTER_PX + 6
    names = min(names, body.width * 0.55)
    height = min(22.0, (body.height - 16) / len(lines))
    plot = Box(body.x + names, body.y, body.width - names, height * len(lines))
    for index, line in enumerate(lines):
        y = plot.y + index * height
        yield _text(plot.x - 6, y + height * 0.7, line.name, colour=_DIM, anchor="end", size=min(10, height))
        points = line.series.points
        for begin, end, value in _held(points, _step_of(points)):
            x = plot.x + (max(begin, start_s) - start_s) / (end_s - start_s) * plot.width
            wide = (min(end, end_s) - max(begin, start_s)) / (end_s - start_s) * plot.width
            colour = _GREEN if value else _RED
            yield f'<path d="M{x:.1f} {y + 1:.1f}h{wide:.1f}v{height - 2:.1f}h-{wide:.1f}z" fill="{colour}"/>'
    yield from _times(plot, start_s, end_s)


def _held(points: Sequence[tuple[float, float]], step_s: float) -> Iterator[tuple[float, float, float]]:
    """From when to when there was which value."""
    begin, value, last = points[0][0], points[0][1], points[0][0]
    for moment, new in points[1:]:
        if new != value or moment - last > step_s * 1.5:
            yield begin, min(moment, last + step_s), value
            begin, value = moment, new
        last = moment
    yield begin, last + step_s, value


def _table(body: Box, lines: Sequence[Line]) -> Iterator[str]:
    hidden = {"__name__", "job"}
    columns = sorted({name for line in lines for name in line.series.labels} - hidden)
    width = body.width / len(columns)
    for index, column in enumerate(columns):
        yield _text(body.x + index * width, body.y + 12, column, colour=_DIM, weight="bold")
    rows = int(body.height / 18) - 1
    for number, line in enumerate(lines[:rows]):
        for index, column in enumerate(columns):
            value = line.series.labels.get(column, "")
            colour = {"firing": _RED, "pending": _YELLOW}.get(value, _INK)
            yield _text(body.x + index * width, body.y + 30 + number * 18, value, colour=colour)


def _text(
    x: float, y: float, text: str, *, size: float = 11, colour: str = _INK, anchor: str = "start", weight: str = ""
) -> str:
    attributes = f' text-anchor="{anchor}"' if anchor != "start" else ""
    attributes += f' font-weight="{weight}"' if weight else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:.3g}" fill="{colour}"{attributes}>{escape(text)}</text>'
