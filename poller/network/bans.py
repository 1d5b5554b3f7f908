"""An exchange that says stop: for how long nothing may be asked, and how it is told."""

import asyncio
import email.utils
import re
from collections.abc import Mapping
from typing import Final

from poller.network import reasons

BANNED: Final = (418, 429)
"""What an exchange answers that says stop: too many requests; and 418, where Binance sees that nobody stopped."""
_UNTIL = re.compile(r"until ([0-9]{13})(?![0-9])", re.ASCII)
"""In the message of a 418: Unix milliseconds."""

LONGEST_BAN_S: Final = 3 * 24 * 3600.0
"""No ban lasts longer (from 2 minutes to 3 days, says "Limits"), whatever we are told."""
_LONGEST_GUESS_S: Final = 3600.0
"""Where nobody says how long: after this at the latest we ask again."""


class Ban:
    """For how long nothing may be asked. Times are the event loop's, in seconds."""

    def __init__(self, first_guess_s: float = 120.0) -> None:
        """``first_guess_s`` is how long to stay away the first time that we are not told; it doubles each time."""
        self.reason = ""
        """Why, while it lasts."""
        self._first_guess_s = first_guess_s
        self._until = float("-inf")
        self._guesses = 0

    def left_s(self) -> float:
        """Seconds until it is over; 0 if it is."""
        return max(0.0, self._until - asyncio.get_running_loop().time())

    def begin(self, told_s: float | None) -> float:
        """Stay away for ``told_s``, or for a guess if that is None; how long that is. A longer ban is not shortened."""
        if told_s is None:
            wait_s = min(self._first_guess_s * 2.0 ** min(self._guesses, 32), _LONGEST_GUESS_S)
            self._guesses += 1
        else:
            # Who says zero has still said stop.
            wait_s = min(max(told_s, 1.0), LONGEST_BAN_S)
        self._until = max(self._until, asyncio.get_running_loop().time() + wait_s)
        return wait_s

    def over(self) -> None:
        """The exchange answered as it should."""
        self._guesses = 0
        if not self.left_s():
            self.reason = ""

    async def wait(self) -> None:
        """Return when nothing is forbidden any more."""
        while (left_s := self.left_s()) > 0:  # noqa: ASYNC110 - time alone decides
            await asyncio.sleep(left_s)


def obey(ban: Ban, status: int, headers: Mapping[str, str], body: bytes, now_us: int) -> str:
    """Obey a 429 or 418: nobody asks again before it is over. Returns what to tell people.

    How long: ``Retry-After``, in seconds or as a date, else the time in the message, else a guess that grows.
    """
    told_s = _retry_after_s(headers.get("Retry-After", ""), now_us)
    if told_s is None and (until := _UNTIL.search(body[:2000].decode(errors="replace"))):
        told_s = int(until[1]) / 1e3 - now_us / 1e6
        if told_s <= 0:
            told_s = None
    wait_s = ban.begin(told_s)
    words = reasons.in_body(body)
    asked = "asked to wait" if told_s is not None else "waiting"
    ban.reason = f"HTTP {status}, {asked} {wait_s:.0f} s{f': {words}' if words else ''}"
    return ban.reason


def _retry_after_s(header: str, now_us: int) -> float | None:
    """What ``Retry-After`` says (RFC 9110, section 10.2.3), or None where it makes no sense or is over."""
    if (seconds := whole(header)) is not None:
        return float(seconds)
    try:
        left_s = email.utils.parsedate_to_datetime(header).timestamp() - now_us / 1e6
    except (ValueError, OverflowError):
        return None
    return left_s if left_s > 0 else None


def whole(header: str | None) -> int | None:
    """The number in a header, or None where there is none that makes sense."""
    return int(header) if header and re.fullmatch(r"[0-9]{1,9}", header) else None
