"""Lines, JSON and metrics of a probe."""

import asyncio
from pathlib import Path

import orjson

from deploy.probe.report import as_json, lines, write_metrics
from deploy.probe.verdict import Bounds, Finding, Seen, findings
from tests.deploy.probe.test_verdict import GOOD
from tests.market.metrics.parsed import values_of


def test_lines_begin_with_the_verdict() -> None:
    """What a gateway says cannot do anything in a terminal."""
    found = [Finding("connect", True, "connected"), Finding("stay", False, "red \x1b[31m")]
    good, bad = lines(found)
    assert "ok      connected" == good
    assert bad.startswith("BREACH  red ")
    assert "\x1b" not in bad


def test_json_has_everything() -> None:
    """On one line."""
    found = list(findings(GOOD, Bounds(age_s=0.5), 0))
    text = as_json("ws://h/ws", GOOD, found)
    assert b"\n" not in text
    told = orjson.loads(text)
    assert (False, {"p50": 0.2, "max": 0.9}, 10) == (told["good"], told["age_s"], told["ticks"])
    assert {"age"} == {one["name"] for one in told["findings"] if not one["good"]}
    assert orjson.loads(as_json("ws://h/ws", Seen(problem="nobody"), []))["age_s"] is None


def test_metrics_are_written_whole(tmp_path: Path) -> None:
    """In place of those of the time before; nothing else stays in the folder."""
    path = tmp_path / "tickgate.prom"
    path.write_text("old")
    found = list(findings(GOOD, Bounds(age_s=0.5), 0))
    asyncio.run(write_metrics(path, GOOD, found, 77.0))
    values = values_of(path.read_bytes())
    assert (0, 77, 0.1) == tuple(
        values[f"tickgate_probe_{name}",] for name in ("good", "timestamp_seconds", "connect_seconds")
    )
    assert (1, 0) == (values["tickgate_probe_breaches", "age"], values["tickgate_probe_breaches", "connect"])
    assert 0.9 == values["tickgate_probe_age_seconds", "1"]
    assert [path] == list(tmp_path.iterdir())
    asyncio.run(write_metrics(path, Seen(problem="nobody"), [Finding("connect", False, "nobody")], 78.0))
    assert ("tickgate_probe_ticks",) not in values_of(path.read_bytes())
