"""Draw the dashboard without Grafana: ``python -m deploy.grafana.picture picture.svg``.

It asks a Prometheus (``--prometheus http://127.0.0.1:9090``) what Grafana would ask, and draws each panel in its place.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Final

from deploy.grafana.drawing import COLUMN_PX, LINE_PX, Box, Line, draw, heading, named, page
from deploy.grafana.layout import COLUMNS, placed
from deploy.grafana.panels import RATE, Panel
from deploy.grafana.prometheus import Prometheus, PrometheusError

_SCRAPE_S: Final = 5
"""Of ``prometheus.yaml``."""
_RATE: Final = f"{4 * _SCRAPE_S}s"
"""What Grafana's ``$__rate_interval`` is then."""
_STEPS: Final = 120
"""Points of a line, at most."""


def picture(prometheus: Prometheus, end_s: float, minutes: float) -> str:
    """The dashboard of the minutes before ``end_s``, as SVG.

    Raises:
        PrometheusError: Prometheus does not answer.
    """
    start_s = end_s - minutes * 60
    parts: list[str] = []
    bottom = 0
    for place in placed():
        box = Box(*(place.x * COLUMN_PX, place.y * LINE_PX), *(place.width * COLUMN_PX, place.height * LINE_PX))
        if isinstance(place.what, str):
            parts.append(heading(place.what, box.y))
        else:
            parts.extend(draw(place.what, box, _asked(prometheus, place.what, start_s, end_s), start_s, end_s))
        bottom = max(bottom, place.y + place.height)
    return page(COLUMNS * COLUMN_PX, bottom * LINE_PX, parts)


def _asked(prometheus: Prometheus, panel: Panel, start_s: float, end_s: float) -> list[Line]:
    lines: list[Line] = []
    for query in panel.queries:
        expr = query.expr.replace(RATE, _RATE)
        if panel.kind in ("stat", "table"):
            found = prometheus.now(expr, end_s)
        else:
            found = prometheus.between(expr, start_s, end_s, max(_SCRAPE_S, (end_s - start_s) / _STEPS))
        lines.extend(named(query, found))
    return lines


def main(arguments: list[str]) -> int:
    """Write the file; the exit code is 1 if Prometheus does not answer."""
    parser = argparse.ArgumentParser(prog="python -m deploy.grafana.picture", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--end", type=float, help="seconds since the Unix epoch; now by default")
    chosen = parser.parse_args(arguments)
    try:
        text = picture(Prometheus(chosen.prometheus), chosen.end or time.time(), chosen.minutes)
    except PrometheusError as error:
        print(error, file=sys.stderr)
        return 1
    chosen.file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
