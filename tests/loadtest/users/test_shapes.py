"""The number of users over time, in Locust's own environment: the tests' one has no Locust."""

import subprocess
from pathlib import Path

import msgspec

from tests.loadtest.test_locustfile import ROOT, program

ASK = """
import json
from loadtest.users._shapes import ramp, storm
print(json.dumps([[ramp(s, 100, 100) for s in (0, 4.9, 5, 25, 50, 99)], [ramp(0, 5, 100), ramp(99, 5, 100)],
                  [storm(s, 100, 100) for s in (0, 24.9, 25, 29.9, 30, 55, 60)]]))
"""


def test_ramps_rise_in_steps_and_storms_come_back() -> None:
    """A ramp reaches all users at half time and never has none; a storm drops all for five seconds in thirty."""
    python = Path(program()).with_name("python")
    said = subprocess.run([python, "-c", ASK], cwd=ROOT, check=True, capture_output=True, timeout=60).stdout
    steps, few, stormy = msgspec.json.decode(said)
    assert [10, 10, 20, 60, 100, 100] == steps
    assert [1, 5] == few
    assert [100, 100, 0, 0, 100, 0, 100] == stormy
