"""JSON, read back by the standard library."""

import json
from typing import Any

import msgspec
import pytest

from gateway.protocol.forms import FramedTick
from gateway.protocol.json_encoding import JSON
from tests.gateway.other_libraries import read_by_others


@pytest.mark.parametrize("size", [0, 60, 100, 1000, 1022, 1023, 1024, 1025, 70_000])
def test_a_tick_of_any_length_is_one_message(size: int) -> None:
    """The heads that are made beforehand end at some length; ticks longer than that are the same in all else."""
    kind: Any = msgspec.defstruct("Long", [("text", str)])
    framed = FramedTick("BTCUSDT", 1, kind("x" * size))
    body = json.loads(JSON.tick_body(framed))
    assert {"text": "x" * size} == body
    for form, name in ((JSON.tick_frame, "tick"), (JSON.snapshot_frame, "snapshot")):
        assert [{"type": name} | body] == read_by_others(form(framed))
