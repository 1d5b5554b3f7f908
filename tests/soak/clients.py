"""The clients that do nothing wrong but, some of them, read too little.

Each kind is a coroutine that is given a `Context` and returns in a few words how it ended; it raises what
`tests.soak.line` raises, and leaves nothing of its own behind. What a gateway has done wrong it tells `Context.blame`.
"""

import asyncio
import contextlib

import orjson

from tests.soak.context import CUT_OFF_WITHIN_S, Context, rest_of
from tests.soak.ledger import Ledger
from tests.soak.line import EndedError, Handshake, Line, RefusedError


async def visitor(context: Context) -> str:
    """Does everything right: asks for this and that, checks what comes, and goes."""
    ledger = Ledger()
    try:
        line = await context.enter(ledger)
    except RefusedError as refusal:
        return context.judge(str(refusal))
    try:
        line.say(context.subscribe(ledger))
        until = _now() + min(20.0, context.rng.expovariate(1 / 3))
        while _now() < until:
            await line.hear(context.rng.uniform(0.1, 1.0))
            line.say(context.whim(ledger))
        return await context.part(line)
    except EndedError as end:
        return context.judge(str(end))
    finally:
        line.drop()
        for fault in (*ledger.wrong, *filter(None, (line.violation,))):
            context.blame(f"a visitor: {fault}")


async def crowd(context: Context) -> str:
    """Dozens at once, as when a gateway elsewhere has gone; and they go as they came."""
    arriving = [context.enter(Ledger()) for _ in range(context.rng.randint(20, 50))]
    came = await asyncio.gather(*arriving, return_exceptions=True)
    lines = [line for line in came if isinstance(line, Line)]
    for refusal in came:
        if isinstance(refusal, RefusedError):
            context.judge(str(refusal))
    try:
        alike = context.subscribe(Ledger())
        for line in lines:
            with contextlib.suppress(EndedError):
                line.say(alike if context.likes(0.5) else context.subscribe(Ledger()))
        await asyncio.sleep(context.rng.uniform(0, 2))
        return f"{round(len(lines), -1)} of them left"
    finally:
        reset = context.likes(0.5)
        for line in lines:
            line.drop(reset=reset)


async def sluggard(context: Context) -> str:
    """Asks for everything and reads a little of it now and then."""
    ledger = Ledger()
    line = await context.enter(ledger, receive_buffer=4096)
    try:
        line.say(context.subscribe(ledger, everything=True))
        until = _now() + context.rng.uniform(2, 12)
        while _now() < until:
            await line.hear(0.02)
            line.stop_reading()
            await asyncio.sleep(context.rng.uniform(0.1, 1.5))
            line.read_again()
            line.say({"type": "ping"})
        return await context.part(line)
    except EndedError as end:
        return context.judge(str(end))
    finally:
        line.drop(reset=context.likes(0.5))
        for fault in (*ledger.wrong, *filter(None, (line.violation,))):
            context.blame(f"a sluggard: {fault}")


async def sleeper(context: Context) -> str:
    """Asks for everything, never reads it, and must be cut off."""
    ledger = Ledger()
    line = await context.enter(ledger, receive_buffer=context.rng.choice([0, 4096]))
    try:
        line.say(context.subscribe(ledger, everything=True))
        line.stop_reading()
        await asyncio.sleep(CUT_OFF_WITHIN_S)
        line.read_again()
        try:
            # What the kernels held, and behind it the end.
            return f"closed {await line.ended(5)}"
        except TimeoutError:
            context.blame(f"one that read nothing for {CUT_OFF_WITHIN_S:g} s was not cut off")
            return "not cut off"
    finally:
        line.drop(reset=context.likes(0.5))


async def ticket_holder(context: Context) -> str:
    """Gets a ticket, comes in by it, and in vain a second time."""
    endpoint = context.endpoint(locked=True)
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    try:
        request = f"POST /v1/ticket HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {context.bearer.good()}\r\n"
        writer.write(request.encode() + b"Connection: close\r\nContent-Length: 0\r\n\r\n")
        async with asyncio.timeout(CUT_OFF_WITHIN_S):
            answer = await rest_of(reader)
    finally:
        writer.transport.abort()
    if not answer.startswith(b"HTTP/1.1 200"):
        return f"no ticket: {answer[9:12].decode()}"
    ticket = orjson.loads(answer.partition(b"\r\n\r\n")[2])["ticket"]
    handshake = Handshake(path=f"/ws?ticket={ticket}")
    ledger = Ledger()
    line = await Line(context.endpoint(locked=True), handshake, ledger.hear).open()
    try:
        try:
            await Line(context.endpoint(locked=True), handshake, ledger.hear).open()
        except RefusedError as refusal:
            if refusal.status not in {401, 404, 503}:
                context.blame(f"a ticket shown again was answered with {refusal.status}")
        else:
            context.blame("a ticket let two in")
        line.say(context.subscribe(ledger))
        await line.hear(context.rng.uniform(0, 3))
        return await context.part(line)
    finally:
        line.drop()


def _now() -> float:
    return asyncio.get_running_loop().time()
