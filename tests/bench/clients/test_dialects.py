"""How clients of other servers speak."""

import pytest

from bench.clients.dialects import FOREIGN
from bench.clients.wire import BINARY, TEXT, frame_bounds
from bench.servers.contenders import ALL as CONTENDERS


def test_every_contender_speaks_a_known_dialect() -> None:
    """It is the gateway's, or one of the foreign ones."""
    assert {contender.dialect for contender in CONTENDERS.values()} <= {"tickgate", *FOREIGN}


@pytest.mark.parametrize(
    ("dialect", "opcode", "asked", "ready"),
    [
        (
            "nats",
            BINARY,
            b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB tick.A 1\r\nSUB tick.B 2\r\nPING\r\n',
            b"PONG\r\n",
        ),
        ("centrifugo", TEXT, b'{"subs":{"tick.A":{},"tick.B":{}}}', b'{"connect":{"client":"1"}}'),
    ],
)
def test_it_asks_for_its_symbols_and_knows_when_it_has_them(
    dialect: str, opcode: int, asked: bytes, ready: bytes
) -> None:
    """A subscription names every symbol; the server's answer to it is known, and a tick is no such answer."""
    frame = FOREIGN[dialect].subscription(("A", "B"))
    bounds = frame_bounds(bytes((frame[0], frame[1] & 0x7F)) + frame[2:], 0)
    assert bounds is not None
    assert bounds[0] == opcode
    assert frame.endswith(asked)
    assert FOREIGN[dialect].is_ready(ready)
    assert not FOREIGN[dialect].is_ready(b'{"type":"tick","seq":1}')


def test_nats_wants_its_pings_answered() -> None:
    """A client that does not answer is cut off after a while."""
    assert FOREIGN["nats"].answer(b"PING\r\n").endswith(b"PONG\r\n")
    assert FOREIGN["centrifugo"].answer(b"{}") == b""
