"""The table of `docs/faults.md`: a line for each scenario."""

from collections.abc import Sequence

from tests.integration.hosts.scenario import Row

HEAD = """\
| fault | clients told | what | careful after | others after | current after |
| --- | --- | --- | --- | --- | --- |"""


def line_of(rows: Sequence[Row]) -> str:
    """One line of the table: the worst of several runs."""
    first = rows[0]
    told = {row.affected for row in rows}
    # Of a long reason the first part: the rest names what was tried meanwhile.
    words = {word.partition(";")[0] for row in rows for word in row.words}
    since = " of the fault" if first.scenario.passes == "all" else ""
    cells = (
        first.scenario.name,
        " or ".join(sorted(told)),
        ", or ".join(sorted(words)) or "nothing",
        _worst([row.told_after for row in rows]),
        _worst([row.naive_told_after for row in rows]),
        f"{max(row.back_after for row in rows):.1f} s{since}",
    )
    return f"| {' | '.join(cells)} |"


def _worst(seconds: list[float | None]) -> str:
    known = [value for value in seconds if value is not None]
    return f"{max(known):.1f} s" if known else "never"
