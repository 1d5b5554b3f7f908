"""What a gateway sends, read by libraries that share no code with it: `websockets`, `json` and `msgpack`."""

from json import loads
from typing import Any

import msgpack as msgpack_library
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol


def read_by_others(stream: bytes) -> list[Any]:
    """The messages in a server's bytes, compressed or not, by libraries that share no code with the gateway."""
    client = Protocol(CLIENT, max_size=None)
    client.extensions = [PerMessageDeflate(True, True, 15, 15)]
    client.receive_data(stream)
    assert client.parser_exc is None
    frames = [one for one in client.events_received() if isinstance(one, Frame)]
    return [
        loads(bytes(one.data)) if one.opcode is Opcode.TEXT else msgpack_library.unpackb(one.data) for one in frames
    ]
