"""A process full of clients: ``python -m tests.soak.churn --endpoint HOST:PORT ... --seconds S``; the soak starts it.

When its time is over everybody leaves at once, and one line of JSON tells how each ended, and what was wrong.
"""

import argparse
import asyncio
import os
import random
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import orjson

from tests.soak.abusers import babbler, bungler, dawdler, forgetful, mumbler, mute, stranger
from tests.soak.clients import crowd, sleeper, sluggard, ticket_holder, visitor
from tests.soak.context import Context
from tests.soak.endpoints import Bearer, Endpoint
from tests.soak.line import EndedError, RefusedError

Client = Callable[[Context], Awaitable[str]]

KINDS: Final[Mapping[Client, int]] = {
    visitor: 48,
    crowd: 2,
    sluggard: 7,
    sleeper: 3,
    ticket_holder: 4,
    babbler: 8,
    bungler: 2,
    stranger: 10,
    dawdler: 5,
    mute: 2,
    mumbler: 3,
    forgetful: 6,
}
"""Each kind, and how many of it come among a hundred."""

WITH_TOKENS: Final = frozenset((forgetful, ticket_holder))
"""Those that want a locked endpoint."""


async def churn(context: Context, seconds: float, *, most: int, per_s: float) -> None:
    """Let about ``per_s`` clients in each second, at most ``most`` at once, for ``seconds``."""
    loop = asyncio.get_running_loop()
    kinds = {kind: share for kind, share in KINDS.items() if context.has_locked_endpoints or kind not in WITH_TOKENS}
    here: set[asyncio.Task[None]] = set()
    until = loop.time() + seconds
    try:
        while (left := until - loop.time()) > 0:
            await asyncio.sleep(min(left, context.rng.expovariate(per_s)))
            if len(here) < most:
                (kind,) = context.rng.choices(list(kinds), list(kinds.values()))
                task = asyncio.create_task(_entertain(kind, context))
                here.add(task)
                task.add_done_callback(here.discard)
    finally:
        for task in here:
            task.cancel()
        if here:
            await asyncio.wait(here)


async def _entertain(kind: Client, context: Context) -> None:
    try:
        end = await kind(context)
    except (RefusedError, EndedError) as error:
        end = str(error)
    except OSError as error:
        end = type(error).__name__
    except asyncio.CancelledError:
        end = "stayed to the end"
        raise
    except Exception as error:
        end = "failed"
        context.blame(f"a {kind.__name__} failed with {error!r}")
    finally:
        context.ends[f"{kind.__name__}: {end}"] += 1


def main() -> int:
    """Returns the exit code, which is 0: what was wrong stands in the line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.churn")
    parser.add_argument("--endpoint", action="append", type=Endpoint.parse, required=True)
    parser.add_argument("--symbols", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--most", type=int, required=True)
    parser.add_argument("--per-second", type=float, required=True)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    context = Context(options.endpoint, options.symbols.split(","), Bearer(os.environ["JWT_SECRET"], rng), rng)
    asyncio.run(churn(context, options.seconds, most=options.most, per_s=options.per_second))
    sys.stdout.buffer.write(orjson.dumps({"ends": context.ends, "wrong": context.wrong}) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
