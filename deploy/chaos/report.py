"""Outcomes as a table for a terminal, or as a page that needs nothing else."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from deploy.chaos.observer import Sight
from deploy.chaos.trial import NotMade, Outcome

_WIDTH: Final = 560
_HEIGHT: Final = 120

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 86em; padding: 0 1em }
:root { color-scheme: light dark }
table { border-collapse: collapse } td, th { padding: .4em .8em; text-align: left; border-bottom: 1px solid #8885 }
td:first-child { min-width: 11em }
.kept { color: #188038 } .broken { color: #c5221f; font-weight: bold } svg { background: #8881; vertical-align: middle }
"""


def verdict(outcome: Outcome) -> str:
    """In a few words."""
    if outcome.is_kept:
        return "kept"
    if not outcome.is_over:
        return "BROKEN: clients were not well again"
    return "BROKEN: the process did not come back" if not outcome.is_back else "BROKEN: old prices were called live"


def lines(outcomes: Sequence[Outcome | NotMade]) -> Iterator[str]:
    """A line for each."""
    for one in outcomes:
        if isinstance(one, NotMade):
            yield f"{one.fault.text}: {_not_made(one)}"
            continue
        yield (
            f"{one.fault.text} ({one.target}): oldest price called live {one.called_live_s:.1f} s, without a price"
            f" {one.without_s:.1f} s, {one.moved} connections anew: {verdict(one)}"
        )


def page(outcomes: Sequence[Outcome | NotMade], url: str, clients: int) -> str:
    """HTML."""
    rows = "\n".join(_row_of_none(one) if isinstance(one, NotMade) else _row(one) for one in outcomes)
    made = [one for one in outcomes if isinstance(one, Outcome)]
    broken = sum(not one.is_kept for one in made)
    rest = len(outcomes) - len(made)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Faults of a deployment</title>
<style>{_STYLE}</style>
<h1>Faults of a deployment</h1>
<p>{clients} clients at {escape(url)}. Promised: no price that is older than the dashed line is called live, and
everybody is well again by itself. {len(made)} faults, {broken} with a promise broken; {rest} not made.</p>
<table>
<tr><th>fault<th>where<th>oldest price called live<th>longest without a price<th>connected anew<th>promise
<th>time since the newest price: of clients that are told that prices are live (red), of any client (grey)</tr>
{rows}
</table>
</html>
"""


def _not_made(one: NotMade) -> str:
    return f"not made, because {one.why}"


def _row_of_none(one: NotMade) -> str:
    return f'<tr><td>{escape(one.fault.text)}<td class="none" colspan="6">{escape(_not_made(one))}</tr>'


def _row(one: Outcome) -> str:
    kind = "kept" if one.is_kept else "broken"
    return (
        f"<tr><td>{escape(one.fault.text)}<td>{escape(one.target)}<td>{one.called_live_s:.1f} s"
        f"<td>{one.without_s:.1f} s"
        f'<td>{one.moved}<td class="{kind}">{escape(verdict(one))}<td>{_chart(one.sight, one.fault.promised_s)}</tr>'
    )


def _chart(sight: Sight, promised_s: float) -> str:
    span = max(at for at, _, _ in sight) or 1.0
    top = max(promised_s * 1.5, *(without for _, _, without in sight))

    def line(column: int, colour: str) -> str:
        points = " ".join(f"{row[0] / span * _WIDTH:.1f},{_HEIGHT - row[column] / top * _HEIGHT:.1f}" for row in sight)
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'

    promised = _HEIGHT - promised_s / top * _HEIGHT
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="over {span:.0f} s, at most {top:.1f} s">'
        f'<line x1="0" x2="{_WIDTH}" y1="{promised:.1f}" y2="{promised:.1f}" stroke="#c5221f" stroke-dasharray="4 4"/>'
        f"{line(2, '#888')}{line(1, '#c5221f')}</svg>"
    )
