"""Asks all Sentinels all the time which server is the primary, over one connection to each.

A Sentinel says at once when it changes; each is asked every second too, so nothing depends on that.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final

from redis.exceptions import AuthenticationError, ResponseError

from market.bus.redis.connection.dial import ANSWER_TIMEOUT_S, FAULTS, dial
from market.bus.redis.connection.faults import explained, not_in_time
from market.bus.redis.connection.sentinel.link import SentinelLink, UnknownMasterError
from market.bus.redis.connection.sentinel.url import SentinelUrl
from market.bus.redis.connection.sentinel.verdict import Answer, Verdict, decide
from market.bus.redis.connection.url import RedisUrl
from market.process.events import PRIMARY_CHANGED, SENTINEL_ANSWERED, SENTINEL_FAULTY
from market.process.reasons import Reasons
from market.process.tasks import end

logger = logging.getLogger(__name__)

_ASK_EVERY_S: Final = 1.0
_RETRY: Final = (0.5, 1.5)
"""From the end of a connection to the next try, as a part of that time. Random, because there are many gateways."""
_SETTLE_S: Final = 0.5
"""So long after the first answer of all, the others are waited for: one Sentinel alone may be wrong."""


class SentinelWatch:
    """What the Sentinels of a URL say."""

    def __init__(
        self, url: SentinelUrl, decided: Callable[[Verdict], None], *, ask_every_s: float = _ASK_EVERY_S
    ) -> None:
        """Watch from `start` on. ``decided`` is called with each new verdict."""
        self._url = url
        self._decided = decided
        self._ask_every_s = ask_every_s
        self._answers: list[Answer | None] = [None] * len(url.sentinels)
        self.faults: list[str | None] = [None] * len(url.sentinels)
        """Why each does not answer; None before its first try, and while it answers."""
        self._reached = [False] * len(url.sentinels)
        """Whether each ever answered: then its URL is right."""
        self._tasks: list[asyncio.Task[None]] = []
        self._change: asyncio.Future[None] | None = None
        """See `change`; None while nobody waits for it."""
        self._settle_at: float | None = None
        """When to wait no longer for those that have not answered yet; None before the first answer."""
        self.verdict: Verdict | None = None
        """The newest; it stays while no Sentinel answers."""

    def start(self) -> None:
        """Begin, if that has not happened yet."""
        if not self._tasks:
            numbered = enumerate(self._url.sentinels)
            self._tasks = [asyncio.create_task(self._follow(number, sentinel)) for number, sentinel in numbered]

    async def settle(self, deadline: float) -> None:
        """Wait until all have answered once or could not, but for the slow ones not long, and not past ``deadline``."""
        loop = asyncio.get_running_loop()
        while any(answer is None and fault is None for answer, fault in zip(self._answers, self.faults, strict=True)):
            until = deadline if self._settle_at is None else min(deadline, self._settle_at)
            if (left_s := until - loop.time()) <= 0:
                return
            await asyncio.wait((self.change(),), timeout=left_s)

    def change(self) -> asyncio.Future[None]:
        """Done at the next change of what they say. It is everybody's: do not cancel it."""
        if self._change is None:
            self._change = asyncio.get_running_loop().create_future()
        return self._change

    def silence(self) -> str:
        """Why nobody names the primary: the first fault, and how many more there are."""
        faults = list(dict.fromkeys(fault for fault in self.faults if fault is not None))
        if not faults:
            return f"no Sentinel of {self._url.place} has answered yet"
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        return f"no Sentinel names the primary {self._url.master}{more}: {faults[0]}"

    async def aclose(self) -> None:
        """End every connection."""
        await end(*self._tasks)

    async def _follow(self, number: int, sentinel: RedisUrl) -> None:
        reasons = Reasons()
        while True:
            fault = await self._listen(number, sentinel)
            if reasons.is_new(fault, anew=self.faults[number] is None):
                logger.warning(SENTINEL_FAULTY, fault)
            self._answers[number], self.faults[number] = None, fault
            self._judge()
            await asyncio.sleep(self._ask_every_s * random.uniform(*_RETRY))  # noqa: S311 - no secret

    async def _listen(self, number: int, sentinel: RedisUrl) -> str:
        """Ask over one connection until it fails; return why."""
        link, answered = None, False
        reached = self._reached[number]
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                link = SentinelLink(await dial(sentinel, reached=reached), self._url.master)
                await link.open()
            while True:
                link.news.clear()
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    answer = await link.primary()
                self._answered(number, answer)
                answered = self._reached[number] = True
                await _set_within(link.news, self._ask_every_s)
        except FAULTS as error:
            return fault_of(error, sentinel, self._url.master, answered=answered, reached=reached)
        finally:
            if link is not None:
                link.close()

    def _answered(self, number: int, answer: Answer) -> None:
        if self._settle_at is None:
            self._settle_at = asyncio.get_running_loop().time() + _SETTLE_S
        if answer != self._answers[number]:
            logger.debug(SENTINEL_ANSWERED, self._url.sentinels[number].called, answer.address, answer.epoch)
        if answer != self._answers[number] or self.faults[number] is not None:
            self._answers[number], self.faults[number] = answer, None
            self._judge()

    def _judge(self) -> None:
        before, self.verdict = self.verdict, decide(self._answers, self.verdict)
        if self._change is not None:
            self._change.set_result(None)
            self._change = None
        if self.verdict is None or self.verdict == before:
            return
        where = " or ".join(map(str, self.verdict.addresses))
        logger.info(PRIMARY_CHANGED, self._url.master, where, self.verdict.epoch)
        self._decided(self.verdict)


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


def fault_of(
    error: Exception, sentinel: RedisUrl, master: str, *, answered: bool = False, reached: bool = False
) -> str:
    """Why a Sentinel does not name the primary ``master``.

    ``error`` is one of `FAULTS`; ``answered`` says whether it named it before, over the same connection;
    ``reached``, whether it did over an earlier one.
    """
    if isinstance(error, UnknownMasterError):
        return f"{sentinel.called} knows no {master}; SENTINEL MASTERS lists what to name in BUS_URL"
    if isinstance(error, TimeoutError):
        return not_in_time(sentinel, reached=answered or reached)
    if isinstance(error, ResponseError) and str(error).startswith("NOAUTH"):
        error = AuthenticationError(str(error))
    said = str(error) if answered else explained(error, sentinel, reached=reached)
    return said if sentinel.place in said else f"{sentinel.called}: {said}"
