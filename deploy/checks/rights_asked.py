"""Asks servers what our user may do there: the primary, and each replica that could take its place."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from deploy.checks.finding import Finding
from deploy.checks.rights import LACKING, Need, Program, article, described, lack, needed_by, rule
from market.bus import BusDownError
from market.bus.redis.connection.commands import command, encoded
from market.bus.redis.connection.dial import FAULTS, dial
from market.bus.redis.connection.pipe import RedisPipe
from market.bus.redis.connection.sentinel.url import SentinelUrl
from market.bus.redis.connection.sentinel.verdict import Address


class Asking(Protocol):
    """Sends commands to a server."""

    async def ask(self, *words: str | bytes | int) -> Any:
        """The answer to one command.

        Raises:
            BusDownError: no answer, or a refusal.
        """


class _Replica:
    """One connection to a replica. See `Asking`."""

    def __init__(self, pipe: RedisPipe) -> None:
        self._pipe = pipe

    async def ask(self, *words: str | bytes | int) -> Any:
        try:
            return await self._pipe.execute(command(*map(encoded, words)))
        except FAULTS as error:
            raise BusDownError(str(error)) from error


async def check_replicas(
    url: SentinelUrl, replicas: Sequence[Address], wanted: Sequence[Need], program: Program | None = None
) -> list[Finding]:
    """Whether each of them could be used as the primary is: users and their rights are not replicated."""
    findings = []
    for address in replicas:
        try:
            pipe = RedisPipe(await dial(url.at(address)))
        except FAULTS as error:
            said = str(error) if str(address) in str(error) else f"{address}: {error}"
            fix = "mend it before it is the primary"
            findings.append(Finding("warning", "replica", f"{said} (a replica, as the Sentinels say)", fix))
            continue
        try:
            user = url.server.username or "default"
            found = [its async for its in check_rights(_Replica(pipe), user, wanted, program)]
        except BusDownError as error:
            found = [Finding("warning", "replica", str(error), "see its log")]
        finally:
            pipe.close()
        findings += [Finding(its.mark, "replica", f"{address}: {its.text}", its.fix) for its in found]
    return findings


async def check_rights(
    client: Asking, user: str, wanted: Sequence[Need], program: Program | None = None
) -> AsyncIterator[Finding]:
    """What ``user`` may do of what is ``wanted``, by ``program`` alone if that is given. Nothing is changed.

    Raises:
        BusDownError: the server does not answer.
    """
    try:
        answer = await client.ask(b"EVAL", LACKING, 0, *(need.encoded for need in wanted))
    except BusDownError as error:
        if "NOPERM" not in str(error):
            raise
        text = f"user {user} may not EVAL, which {needed_by(program)} all the time"
        yield Finding("wrong", "rights", text, f"ACL SETUSER {user} +eval, then check again for what else is missing")
        return
    if answer is None:
        text = f"a server older than Redis 7.0 does not tell what user {user} may do"
        yield Finding("ok" if user == "default" else "warning", "rights", text)
        return
    refused = [
        (wanted[number - 1], text.decode(errors="replace")) for number, text in zip(*[iter(answer)] * 2, strict=True)
    ]
    # No script may subscribe, so one is tried alone. What keeps us from one keeps us from all.
    subscribing = next((need for need, _ in refused if need.words[0] == "subscribe"), None)
    refusals = {
        "subscribe": "" if subscribing is None else await _refusal(client, subscribing),
        # This very question was one.
        "eval": "key",
    }
    lacking = [lack(need, refusals.get(need.words[0], text)) for need, text in refused]
    for needing in dict.fromkeys(its.need.program for its in lacking):
        own = [its for its in lacking if its.need.program == needing]
        text = f"user {user} may not do what {article(needing)} needs: {described([its.need for its in own])}"
        yield Finding("wrong", "rights", text, rule(user, own))
    if not lacking:
        yield Finding("ok", "rights", f"user {user} may do all that {needed_by(program)}")


async def _refusal(client: Asking, need: Need) -> str:
    """The server's words about a command that it refuses."""
    try:
        await client.ask(*need.words)
    except BusDownError as error:
        return str(error)
    return ""
