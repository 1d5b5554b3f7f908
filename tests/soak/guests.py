"""The guests that do nothing wrong but, some of them, read too little.

Each kind is a coroutine that is given a `Party` and returns in a few words how it ended; it raises what
`tests.soak.line` raises, and leaves nothing of its own behind. What a gateway has done wrong it tells `Party.blame`.
"""

import asyncio
import contextlib

import orjson

from tests.soak.ledger import Ledger
from tests.soak.line import EndedError, Knock, Line, RefusedError
from tests.soak.party import CUT_OFF_WITHIN_S, Party, rest_of


async def visitor(party: Party) -> str:
    """Does everything right: asks for this and that, checks what comes, and goes."""
    ledger = Ledger()
    try:
        line = await party.enter(ledger)
    except RefusedError as refusal:
        return party.judge(str(refusal))
    try:
        line.say(party.subscribe(ledger))
        until = _now() + min(20.0, party.rng.expovariate(1 / 3))
        while _now() < until:
            await line.hear(party.rng.uniform(0.1, 1.0))
            line.say(party.whim(ledger))
        return await party.part(line)
    except EndedError as end:
        return party.judge(str(end))
    finally:
        line.drop()
        for fault in (*ledger.wrong, *filter(None, (line.violation,))):
            party.blame(f"a visitor: {fault}")


async def crowd(party: Party) -> str:
    """Dozens at once, as when a gateway elsewhere has gone; and they go as they came."""
    arriving = [party.enter(Ledger()) for _ in range(party.rng.randint(20, 50))]
    came = await asyncio.gather(*arriving, return_exceptions=True)
    lines = [line for line in came if isinstance(line, Line)]
    for refusal in came:
        if isinstance(refusal, RefusedError):
            party.judge(str(refusal))
    try:
        alike = party.subscribe(Ledger())
        for line in lines:
            with contextlib.suppress(EndedError):
                line.say(alike if party.likes(0.5) else party.subscribe(Ledger()))
        await asyncio.sleep(party.rng.uniform(0, 2))
        return f"{round(len(lines), -1)} of them left"
    finally:
        reset = party.likes(0.5)
        for line in lines:
            line.drop(reset=reset)


async def sluggard(party: Party) -> str:
    """Asks for everything and reads a little of it now and then."""
    ledger = Ledger()
    line = await party.enter(ledger, receive_buffer=4096)
    try:
        line.say(party.subscribe(ledger, everything=True))
        until = _now() + party.rng.uniform(2, 12)
        while _now() < until:
            await line.hear(0.02)
            line.stop_reading()
            await asyncio.sleep(party.rng.uniform(0.1, 1.5))
            line.read_again()
            line.say({"type": "ping"})
        return await party.part(line)
    except EndedError as end:
        return party.judge(str(end))
    finally:
        line.drop(reset=party.likes(0.5))
        for fault in (*ledger.wrong, *filter(None, (line.violation,))):
            party.blame(f"a sluggard: {fault}")


async def sleeper(party: Party) -> str:
    """Asks for everything, never reads it, and must be cut off."""
    ledger = Ledger()
    line = await party.enter(ledger, receive_buffer=party.rng.choice([0, 4096]))
    try:
        line.say(party.subscribe(ledger, everything=True))
        line.stop_reading()
        await asyncio.sleep(CUT_OFF_WITHIN_S)
        line.read_again()
        try:
            # What the kernels held, and behind it the end.
            return f"closed {await line.ended(5)}"
        except TimeoutError:
            party.blame(f"one that read nothing for {CUT_OFF_WITHIN_S:g} s was not cut off")
            return "not cut off"
    finally:
        line.drop(reset=party.likes(0.5))


async def ticket_holder(party: Party) -> str:
    """Gets a ticket, comes in by it, and in vain a second time."""
    door = party.door(locked=True)
    reader, writer = await asyncio.open_connection(door.host, door.port)
    try:
        request = f"POST /v1/ticket HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {party.bearer.good()}\r\n"
        writer.write(request.encode() + b"Connection: close\r\nContent-Length: 0\r\n\r\n")
        async with asyncio.timeout(CUT_OFF_WITHIN_S):
            answer = await rest_of(reader)
    finally:
        writer.transport.abort()
    if not answer.startswith(b"HTTP/1.1 200"):
        return f"no ticket: {answer[9:12].decode()}"
    ticket = orjson.loads(answer.partition(b"\r\n\r\n")[2])["ticket"]
    knock = Knock(path=f"/ws?ticket={ticket}")
    ledger = Ledger()
    line = await Line(party.door(locked=True), knock, ledger.hear).open()
    try:
        try:
            await Line(party.door(locked=True), knock, ledger.hear).open()
        except RefusedError as refusal:
            if refusal.status not in {401, 404, 503}:
                party.blame(f"a ticket shown again was answered with {refusal.status}")
        else:
            party.blame("a ticket let two in")
        line.say(party.subscribe(ledger))
        await line.hear(party.rng.uniform(0, 3))
        return await party.part(line)
    finally:
        line.drop()


def _now() -> float:
    return asyncio.get_running_loop().time()
