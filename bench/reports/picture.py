"""The bars of a report as SVG, readable on light and dark pages, without a plotting library."""

from html import escape

from bench.reports.report import Report
from bench.scenarios import ALL as SCENARIOS
from bench.scenarios import Scenario
from bench.servers.contenders import ALL as CONTENDERS

_SHOWN = ("bursts", "flood", "scattered")
_WIDTH = 860
_ROW = 24
_BAR_AT, _BAR_TO, _AGE_AT = 236, 690, 850
_LATE_MS = 1_000

_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .scenario { font-weight: 600 }
  .quiet { fill: #59636e; font-size: 12px }
  .late { fill: #c93c37 }
  .end { text-anchor: end }
  .other { fill: #afb8c1 }
  .floor { fill: none; stroke: #818b98; stroke-dasharray: 3 2 }
  .ours { fill: #0969da }
  .name-ours { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .quiet { fill: #9198a1 }
    .late { fill: #f47067 }
    .other { fill: #565f69 }
    .floor { stroke: #9198a1 }
    .ours { fill: #4493f8 }
  }
"""


def draw(report: Report) -> str:
    """One group of bars for each scenario: the server's CPU time for each tick delivered, shortest first."""
    body = [
        _text(0, 20, "Server CPU for each tick delivered to a client", "title"),
        _text(_BAR_AT, 44, "µs, shorter is better", "quiet"),
        _text(_AGE_AT, 44, "p99 age on arrival", "quiet end"),
    ]
    y = 70
    for scenario in SCENARIOS:
        if scenario.name in _SHOWN:
            bars = _bars(report, scenario)
            if bars:
                body.append(_text(0, y, scenario.about, "scenario"))
                y = _group(body, bars, y + 10) + 30
    about = report.machine
    body.append(
        _text(
            0,
            y,
            f"{about.get('cpu', '')}, server on one core, the rest on another, loopback"
            f" · Linux {about.get('kernel', '').partition('-')[0]} · Python {about.get('python', '')}"
            f" · {report.when[:10]}",
            "quiet",
        )
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 10}" width="{_WIDTH}" height="{y + 10}"'
        f' role="img" aria-label="Server CPU for each tick delivered, by server and scenario">\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(body) + "\n</svg>\n"
    )


def _bars(report: Report, scenario: Scenario) -> list[tuple[str, float, float | None]]:
    bars = [
        (name, cost, report.figure(scenario.name, name, "p99_ms"))
        for name in scenario.contenders
        if (cost := report.figure(scenario.name, name, "cpu_us_per_tick")) is not None
    ]
    return sorted(bars, key=lambda bar: bar[1])


def _group(body: list[str], bars: list[tuple[str, float, float | None]], y: int) -> int:
    widest = max(cost for _, cost, _ in bars)
    for name, cost, age in bars:
        contender = CONTENDERS[name]
        kind = "ours" if name == "gateway" else "floor" if contender.is_floor else "other"
        width = max(1.0, (_BAR_TO - _BAR_AT) * cost / widest)
        middle = y + _ROW - 8
        body.append(_text(_BAR_AT - 8, middle, contender.label, f"end name-{kind}"))
        body.append(f'<rect class="{kind}" x="{_BAR_AT}" y="{y + 4}" width="{width:.1f}" height="{_ROW - 8}" rx="2"/>')
        body.append(_text(round(_BAR_AT + width + 6), middle, f"{cost:.2f}", f"name-{kind}"))
        if age is not None:
            late = age >= _LATE_MS
            shown = f"{age / 1000:.1f} s" if late else f"{age:.0f} ms" if age >= 10 else f"{age:.1f} ms"
            body.append(_text(_AGE_AT, middle, shown, "end late" if late else "end"))
        y += _ROW
    return y


def _text(x: int, y: int, words: str, kind: str) -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(words)}</text>'
