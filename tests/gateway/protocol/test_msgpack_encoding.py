"""MessagePack, read back by the `msgpack` library."""

from typing import Any

import msgspec
import pytest

from gateway.protocol.forms import FramedTick
from gateway.protocol.msgpack_encoding import MSGPACK, with_entry
from tests.gateway.other_libraries import read_by_others


@pytest.mark.parametrize("count", [1, 14, 15, 16, 17, 65534, 65535, 65536])
def test_a_tick_of_any_number_of_fields_is_a_messagepack_map(count: int) -> None:
    """With its type added, a tick is still one map, also where the number of fields then takes more bytes."""
    fields = {f"f{number}": number for number in range(count)}
    kind: Any = msgspec.defstruct("Wide", [(name, int, number) for name, number in fields.items()])
    framed = FramedTick("BTCUSDT", 1, kind())
    for form, name in ((MSGPACK.tick_frame, "tick"), (MSGPACK.snapshot_frame, "snapshot")):
        [message] = read_by_others(form(framed))
        assert {"type": name} | fields == message


def test_what_is_no_map_gets_no_entry() -> None:
    """An array in place of a map is an error, and not another array."""
    with pytest.raises(ValueError, match="begins with 0x92"):
        with_entry(b"\xa1a\x01", msgspec.msgpack.encode([1, 2]))
