"""Which encodings there are; and one more, made here, which everything else serves without knowing of it."""

import ast
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.frames import Opcode

import gateway
from gateway.fanout.cohorts.member import Subscription
from gateway.protocol.commands import CommandDecoder
from gateway.protocol.encoding import Encoding
from gateway.protocol.encodings import DEFAULT, ENCODINGS, register
from gateway.protocol.forms import FramedTick
from gateway.protocol.json_encoding import JSON
from gateway.protocol.messages import Status
from gateway.protocol.msgpack_encoding import MSGPACK
from gateway.websocket.framing.frames import BINARY, TEXT, frame
from market.prices.symbols import parse_symbols
from tests.fakes import RecordingMember, frames_of, run_virtual, tick
from tests.gateway.conftest import Start
from tests.gateway.fanout.test_hub import Market
from tests.market.bus.using import publish


class LiteralDecoder:
    """Reads Python literals, such as ``{'type': 'ping'}``."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    def decode(self, data: bytes, /) -> Any:
        try:
            value = ast.literal_eval(data.decode())
        except (ValueError, SyntaxError) as error:
            raise msgspec.DecodeError(str(error)) from None
        return msgspec.convert(value, self._kind)


def literal(value: Any) -> bytes:
    """Encode ``value`` as Python would write it."""
    return repr(msgspec.to_builtins(value)).encode()


def typed(name: str, body: bytes) -> bytes:
    """Put a type before the fields of a tick."""
    return frame(TEXT, f"{{'type': {name!r}, ".encode() + body[1:])


def batch_payload(bodies: Collection[bytes]) -> bytes:
    """Put ticks together in one message."""
    return b"{'type': 'ticks', 'ticks': [" + b", ".join(bodies) + b"]}"


@pytest.fixture
def literals() -> Iterator[Encoding]:
    """An encoding that no module of the gateway knows."""
    encoding = Encoding(
        subprotocol="test.literals",
        opcode=TEXT,
        decoder=CommandDecoder("Python", LiteralDecoder),
        encode=literal,
        tick_body=literal,
        tick_frame=lambda body: typed("tick", body),
        snapshot_frame=lambda body: typed("snapshot", body),
        batch_payload=batch_payload,
    )
    register(encoding)
    yield encoding
    del ENCODINGS[encoding.subprotocol]


def said(member: RecordingMember) -> list[dict[str, Any]]:
    """What ``member`` was sent, but for pings."""
    frames = [one for one in frames_of(b"".join(member.written)) if one.opcode is not Opcode.PING]
    assert all(one.opcode is Opcode.TEXT for one in frames)
    return [ast.literal_eval(bytes(one.data).decode()) for one in frames]


def test_clients_can_choose_json_and_messagepack() -> None:
    """By the names in docs/protocol.md; JSON for a client that chooses none."""
    assert {"tickgate.v1.json": JSON, "tickgate.v1.msgpack": MSGPACK} == ENCODINGS
    assert JSON is DEFAULT
    assert (TEXT, BINARY) == (JSON.opcode, MSGPACK.opcode)


def test_nobody_but_the_registry_knows_an_encoding_by_name() -> None:
    """What differs between encodings is asked of the object; a module that imports one of them would branch on it.

    Events take the payloads of JSON frames, and not that encoding.
    """
    names = {"json_encoding", "msgpack_encoding"}
    may = {("encodings", "json_encoding"), ("encodings", "msgpack_encoding"), ("event_encoding", "json_encoding")}
    for module in Path(gateway.__file__).parent.rglob("*.py"):
        imported = {
            part
            for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom)
            for part in (*str(node.module).split("."), *(alias.name for alias in node.names))
        }
        assert {(module.stem, name) for name in imported & names} <= may, module
        assert module.stem == "encodings" or not imported & {"JSON", "MSGPACK"}, module


def test_a_subprotocol_means_one_encoding(literals: Encoding) -> None:
    """A second one of the same name is an error, and changes nothing."""
    with pytest.raises(ValueError, match=r"test\.literals"):
        register(literals)
    assert ENCODINGS["test.literals"] is literals


async def test_a_client_speaks_an_encoding_of_which_only_the_registry_knows(start: Start, literals: Encoding) -> None:
    """Commands, answers, snapshots, ticks, batches, states and errors, over a real socket, beside a client in JSON."""
    running = await start(symbols=parse_symbols("BTCUSDT,ETHUSDT"))
    await running.publish("BTCUSDT", 5)
    url = running.url
    async with connect(url, subprotocols=[literals.subprotocol]) as client, connect(url) as other:  # type: ignore[list-item]
        assert literals.subprotocol == client.subprotocol

        async def say(**command: Any) -> None:
            await client.send(repr(command))

        async def received() -> dict[str, Any]:
            message = await client.recv()
            assert isinstance(message, str)
            value: dict[str, Any] = ast.literal_eval(message)
            return value

        assert ["welcome", "status"] == [(await received())["type"] for _ in range(2)]
        await say(type="subscribe", symbols=["BTC", "ETH"], id=7)
        assert {"type": "subscribed", "symbols": ["BTCUSDT", "ETHUSDT"], "id": 7} == await received()
        five, six = (msgspec.to_builtins(tick("BTCUSDT", seq)) for seq in (5, 6))
        assert {"type": "snapshot"} | five == await received()
        await other.send('{"type":"subscribe","symbols":["BTC"],"snapshot":false}')
        assert ["welcome", "status", "subscribed"] == [
            msgspec.json.decode(await other.recv())["type"] for _ in range(3)
        ]
        await running.publish("BTCUSDT", 6)
        assert {"type": "tick"} | six == await received() == msgspec.json.decode(await other.recv())
        await say(type="subscribe", symbols=["BTC", "ETH"], batch=True, snapshot=False)
        assert "subscribed" == (await received())["type"]
        await publish(running.gateway.bus, [tick("BTCUSDT", 7), tick("ETHUSDT", 1)])
        batch = await received()
        assert ("ticks", [("BTCUSDT", 7), ("ETHUSDT", 1)]) == (
            batch["type"],
            [(one["symbol"], one["seq"]) for one in batch["ticks"]],
        )
        await client.send("{'type': ")
        error = await received()
        assert ("bad_json", "not Python: ") == (error["code"], error["message"][:12])
        await client.send(b"{'type': 'ping'}")
        assert "binary frame where text is due; send Python text" == (await received())["message"]
        await running.heartbeat()
        assert ("status", "live") == ((status := await received())["type"], status["feed"])


def test_a_long_batch_of_it_is_compressed(literals: Encoding) -> None:
    """Compression asks nothing of an encoding."""
    framed = [FramedTick("BTCUSDT", seq, tick(seq=seq)) for seq in range(1, 101)]
    form = literals.form(batch=True)
    plain, deflated = (
        literals.joiner(batch=True, deflate=deflate)([form(one) for one in framed]) for deflate in (False, True)
    )
    assert (0, 0x40) == (plain[0] & 0x40, deflated[0] & 0x40)
    assert 2 * len(deflated) < len(plain)


def test_a_slow_client_is_caught_up_in_it(literals: Encoding) -> None:
    """Lag notices, slices and states too are in the encoding of who gets them, side by side with others."""

    async def main() -> None:
        market = Market()
        slow = market.join("BTC", "ETH", encoding=literals)
        fast = market.join("BTC", "ETH")
        slow.draining = False
        for _ in range(3):
            market.publish("BTC")
            market.publish("ETH")
            market.hub.broadcast(Status(feed="live", reason="", source="simulated", since_us=1))
        market.change_states("ETH")
        slow.draining = True
        market.hub.slow._slow_consumers.sweep()
        got = said(slow)
        assert {"status": 3, "lag": 1, "tick": 2, "symbol_status": 1} == {
            name: sum(one["type"] == name for one in got) for name in ("status", "lag", "tick", "symbol_status")
        }
        assert {3} == {one["seq"] for one in got if one["type"] == "tick"}
        assert 6 == sum(one["type"] == "tick" for one in fast.messages())
        assert Subscription(frozenset({"BTC", "ETH"}), literals) in set().union(*market.hub._registry._cohorts)

    run_virtual(main())
