"""What ticks that come in cost, step by step."""

import subprocess
import sys
from typing import Any

import pytest

from bench.incoming import STEPS, Reader
from market.wire.codec import encode_tick
from market.wire.tick_batch import encode_batch
from tests.fakes import tick


def pushed(*ticks: bytes) -> bytes:
    """A batch as Redis brings it."""
    payload = encode_batch("term", 0, ticks)
    return b"*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$%d\r\n%b\r\n" % (len(payload), payload)


@pytest.mark.parametrize("step", STEPS)
def test_the_last_step_keeps_the_newest_of_each_symbol(step: str) -> None:
    """Also of a batch that comes in pieces, and after the answer to the subscription. The others keep nothing."""
    reader: Any = Reader(step)
    data = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:1\r\n"
    data += pushed(*(encode_tick(tick(symbol, seq)) for symbol, seq in (("A", 2), ("B", 1), ("A", 3), ("A", 1))))
    for start in range(0, len(data), 50):
        reader.data_received(data[start : start + 50])
    kept = {symbol: framed.seq for symbol, framed in reader._last.items()}
    assert ({"A": 3, "B": 1} if step == "keeps" else {}) == kept


@pytest.mark.integration
def test_every_step_is_measured() -> None:
    """One row for each, and for the gateway; all of them cost something."""
    command = [sys.executable, "-m", "bench.incoming", "--pace", "100x10", "--seconds", "0.3"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    _, _, table = said.stdout.partition("100 × 10\n")
    rows = dict(line.rsplit(maxsplit=1) for line in table.splitlines())
    assert [*STEPS.values(), "the gateway"] == list(rows)
    assert all(float(cost) > 0 for cost in rows.values()), rows
