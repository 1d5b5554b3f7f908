"""Users with the rights of docs/access.md alone, and the programs that run as they."""

import asyncio
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import aiohttp

from deploy.check import check
from deploy.checks.finding import Finding
from deploy.checks.rights import PROGRAMS, Program
from deploy.ports import free_port
from deploy.process.processes import Process
from tests.client import connected
from tests.gateway.auth.tokens import SECRET, token
from tests.integration.stacks import answers, environment, eventually

USERS: Final = PROGRAMS
"""Each program's user is named like it."""
TOKENS: Final = {"AUTH_MODE": "jwt", "JWT_SECRET": SECRET}
NAMED: Final = "+client|setinfo"
"""Each connection names its library. Without this right it goes on, and the server's log of refusals fills."""
PASSWORD: Final = "sesame"  # noqa: S105
SUBJECT: Final = "mallory"


def documented(user: str, under: str = "## Rights on Redis") -> list[str]:
    """The words of the document for a user, after its name; what is in brackets is one word."""
    text = Path("docs/access.md").read_text(encoding="utf-8")
    section = text.partition(f"\n{under}\n")[2].partition("\n##")[0]
    (line,) = re.findall(rf"^ACL SETUSER {user} reset on >\S+ (.+)$", section, re.MULTILINE)
    return re.findall(r"\([^)]*\)|\S+", line)


def grant(command: Callable[..., Any], user: str, words: list[str]) -> None:
    """Give these rights and no others."""
    command("ACL", "SETUSER", user, "reset", "on", f">{PASSWORD}", *words)


def without_one(words: list[str]) -> list[tuple[str, list[str]]]:
    """Each single right, in brackets or not, and the words without it."""
    found = []
    for number, word in enumerate(words):
        before, after = words[:number], words[number + 1 :]
        if word.startswith("("):
            inner = word[1:-1].split()
            for place, right in enumerate(inner):
                rest = " ".join(inner[:place] + inner[place + 1 :])
                found.append((f"{right} in {word}", [*before, f"({rest})", *after]))
        else:
            found.append((word, before + after))
    return found


async def serve_prices(url_of: Callable[[str], str], stands_by: Callable[[], Any]) -> None:
    """A client with a ticket hears prices, also after a stand-by has taken over, and is kicked by an operator.

    ``url_of`` gives the bus for a user, and ``stands_by`` says whether a second poller does.
    """
    port = free_port()

    def program(user: str, **variables: str) -> Process:
        env = environment(BUS_URL=url_of(user), GATEWAY_PORT=str(port), **variables)
        return Process(user, (sys.executable, "-m", user), env=env, say=lambda _, line: print(line))  # noqa: T201 - pytest shows it

    # The last one stands by, and takes over.
    programs = program("poller"), program("gateway", **TOKENS), program("poller")
    try:
        for its in programs:
            await its.start()
        await answers(f"http://127.0.0.1:{port}/readyz", 200)
        bearer = {"Authorization": f"Bearer {token('HS256', SECRET, sub=SUBJECT)}"}
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=bearer) as session:
            async with session.post("/v1/ticket") as answer:
                assert 200 == answer.status
                ticket = (await answer.json())["ticket"]
            async with connected(f"ws://127.0.0.1:{port}/ws?ticket={ticket}") as client:
                await client.subscribe("BTCUSDT")
                await client.until(lambda client: len(client.prices["BTCUSDT"]) >= 3, 20)
                await eventually(lambda: asyncio.to_thread(lambda: bool(stands_by())), 20)
                await programs[0].stop(10)
                heard = len(client.prices["BTCUSDT"])
                await client.until(lambda client: len(client.prices["BTCUSDT"]) >= heard + 3, 20)
                env = environment(BUS_URL=url_of("operator"))
                kick = sys.executable, "-m", "deploy", "kick", SUBJECT
                assert 0 == await (await asyncio.create_subprocess_exec(*kick, env=env)).wait()
                assert 4410 == await client.until_closed()
    finally:
        for its in programs:
            await its.stop(10)


async def checked(url: str, program: Program) -> list[Finding]:
    """What `tickgate check --rights` finds."""
    return await check(environment(BUS_URL=url, BUS_PARTITIONS="3") | TOKENS, program)
