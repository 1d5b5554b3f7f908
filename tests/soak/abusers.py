"""The clients that gateways could do without: they babble, dawdle, and come without a token. Kinds as in `clients`."""

import asyncio
from contextlib import suppress
from typing import Final

from tests.client_frames import BINARY, CLOSE, CONTINUATION, FIN, PING, RSV1, TEXT, client_frame, close_payload
from tests.soak.context import CUT_OFF_WITHIN_S, Context, rest_of
from tests.soak.ledger import Ledger
from tests.soak.line import EndedError, Handshake, Line

_HEAD: Final = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
_REQUESTS: Final = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /web/app.js HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    b"GET /healthz HTTP/1.0\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: elsewhere.example\r\n" + _HEAD.partition(b"127.0.0.1\r\n")[2] + b"\r\n",
    b"POST /v1/ticket HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n",
    b"POST /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nabc",
    _HEAD.replace(b"Version: 13", b"Version: 8") + b"\r\n",
    _HEAD.replace(b"AAAA==", b"") + b"\r\n",
    _HEAD + b"Origin: https://elsewhere.example\r\n\r\n",
    _HEAD + b"X-Padding: " + b"x" * 20_000 + b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\r\n" * 100,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)
_NONSENSE: Final = (
    client_frame(FIN | TEXT, b"{"),
    client_frame(FIN | TEXT, b"[" * 5_000),
    client_frame(FIN | TEXT, b'{"type":"buy"}'),
    client_frame(FIN | TEXT, b'{"type":"subscribe","symbols":"BTC"}'),
    client_frame(FIN | TEXT, b'{"type":"subscribe","symbols":["NOSUCH"],"id":1}'),
    client_frame(FIN | TEXT, b'{"type":"auth","token":"x"}'),
    client_frame(FIN | BINARY, b"\xc1\xff\x00"),
    client_frame(FIN | TEXT, b"\xff\xfe"),
    client_frame(FIN | TEXT, b"x" * 70_000),
    client_frame(FIN | TEXT, b"{}", key=None),
    client_frame(FIN | RSV1 | TEXT, b"\x00\xff\x00\xff"),
    client_frame(FIN | 0x3, b"reserved"),
    client_frame(PING, b"in two"),
    client_frame(FIN | PING, b"x" * 126),
    client_frame(FIN | CLOSE, close_payload(1005)),
    client_frame(FIN | CLOSE, b"\x03"),
    client_frame(FIN | 0x0, b"goes on from nothing"),
    client_frame(FIN | TEXT, b"", width=8, length=2**62),
)
_UNFINISHED: Final = (
    client_frame(FIN | TEXT, b"x" * 60_000)[:-1],
    client_frame(FIN | TEXT, b"x" * 60_000)[:3],
    client_frame(TEXT, b"x" * 30_000) + client_frame(CONTINUATION, b"x" * 30_000),
    client_frame(BINARY, b"x" * 30_000) + client_frame(FIN | CONTINUATION, b"x" * 30_000)[:-1],
    client_frame(FIN | PING, b"x" * 100)[:-1],
)
_FLOOD: Final = client_frame(FIN | PING, b"?") * 400


async def babbler(context: Context) -> str:
    """Says what is no command, no message, or no frame."""
    line = await context.enter(Ledger())
    try:
        for _ in range(context.rng.randint(1, 12)):
            line.throw(_FLOOD if context.likes(0.05) else context.rng.choice(_NONSENSE))
            await line.hear(context.rng.uniform(0, 0.3))
        return await context.part(line)
    finally:
        line.drop(reset=context.likes(0.5))


async def bungler(context: Context) -> str:
    """Is wrong again and again in the same small way, until the gateway has had enough."""
    line = await context.enter(Ledger())
    try:
        while True:
            line.say({"type": "subscribe", "symbols": ["NOSUCH"]})
            await line.hear(0.02)
    finally:
        line.drop()


async def stranger(context: Context) -> str:
    """Sends some other request, or something that is none, and looks at the answer or not."""
    endpoint = context.endpoint()
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    try:
        for _ in range(context.rng.randint(1, 2)):
            writer.write(context.rng.choice(_REQUESTS))
            if context.likes(0.8):
                async with asyncio.timeout(context.rng.uniform(0.2, 3)):
                    await reader.read(65_536)
    except TimeoutError:
        return "lost patience"
    else:
        return "looked around"
    finally:
        writer.transport.abort()


async def dawdler(context: Context) -> str:
    """Opens a connection and never finishes its request; it must be cut off."""
    endpoint = context.endpoint()
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    drips = context.likes(0.5)
    ended = asyncio.create_task(rest_of(reader))
    try:
        async with asyncio.timeout(CUT_OFF_WITHIN_S):
            writer.write(_HEAD[: context.rng.randrange(len(_HEAD))])
            while not ended.done():
                await asyncio.wait((ended,), timeout=0.3)
                if drips:
                    writer.write(b"x")
    except TimeoutError:
        context.blame(f"one that never finished its request was not cut off within {CUT_OFF_WITHIN_S:g} s")
        return "not cut off"
    else:
        return "cut off"
    finally:
        ended.cancel()
        writer.transport.abort()


async def mute(context: Context) -> str:
    """Asks and asks, holds no symbol, and reads no answer; it must be cut off."""
    line = await context.enter(Ledger(), receive_buffer=4096)
    loop = asyncio.get_running_loop()
    try:
        line.stop_reading()
        until = loop.time() + CUT_OFF_WITHIN_S
        with suppress(EndedError):
            while loop.time() < until:
                for _ in range(4):
                    line.say({"type": "ping", "id": "?" * 60})
                await line.hear(0.05)
        line.read_again()
        try:
            return f"closed {await line.ended(5)}"
        except TimeoutError:
            context.blame(f"one that asked and read nothing for {CUT_OFF_WITHIN_S:g} s was not cut off")
            return "not cut off"
    finally:
        line.drop(reset=context.likes(0.5))


async def mumbler(context: Context) -> str:
    """Begins a message and never finishes it, with pings in between or without; it must be closed."""
    line = await context.enter(Ledger())
    begun = context.rng.choice(_UNFINISHED)
    loop = asyncio.get_running_loop()
    try:
        line.throw(begun)
        until = loop.time() + CUT_OFF_WITHIN_S
        while loop.time() < until:
            await line.hear(0.3)
            # A ping may come between the frames of a message, not inside of one.
            line.throw(client_frame(FIN | PING) if begun is _UNFINISHED[2] else b"")
    except EndedError as end:
        # Its library answers a ping of the gateway; inside of an unfinished frame that makes the frame a wrong one.
        wrong_frame = set() if begun is _UNFINISHED[2] else {1002, 1007}
        if end.code not in {1006, 1012, 4408} | wrong_frame:
            context.blame(f"one that finished no message was closed with {end.code}")
        raise
    else:
        context.blame(f"one that finished no message for {CUT_OFF_WITHIN_S:g} s was not closed")
        return "not closed"
    finally:
        line.drop(reset=context.likes(0.5))


async def forgetful(context: Context) -> str:
    """Has no token, a bad one, or one that ends soon: closed in time, each with its reason."""
    endpoint = context.endpoint(locked=True)
    rng, bearer = context.rng, context.bearer
    kind = rng.choice(["none", "bad", "bad in the handshake", "short", "short, then another"])
    ledger = Ledger()
    token = {"bad in the handshake": bearer.bad()}.get(kind)
    line = await Line(endpoint, Handshake(token=token), ledger.hear).open()
    try:
        if kind == "bad":
            line.say({"type": "auth", "token": bearer.bad()})
        elif kind.startswith("short"):
            subject = f"hurried-{rng.randrange(1_000_000)}"
            line.say({"type": "auth", "token": bearer.good(rng.uniform(-3, -1), sub=subject)})
            line.say(context.subscribe(ledger))
            if kind == "short, then another":
                line.say({"type": "auth", "token": bearer.good(sub=subject, symbols=context.symbols[:2])})
                line.say({"type": "subscribe", "symbols": ["*"]})
                await line.hear(rng.uniform(0, 8))
                return await context.part(line)
        code = await line.ended(CUT_OFF_WITHIN_S)
    except TimeoutError:
        context.blame(f"one whose token was {kind} was not closed within {CUT_OFF_WITHIN_S:g} s")
        return f"{kind}: not closed"
    else:
        if code not in {1006, 1012, {"none": 4409}.get(kind, 4401)}:
            context.blame(f"one whose token was {kind} was closed with {code}")
        return f"{kind}: closed {code}"
    finally:
        line.drop(reset=context.likes(0.5))
