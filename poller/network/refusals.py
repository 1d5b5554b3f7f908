"""Answers that ban us: for how long, and the text for people."""

import email.utils
import re
from collections.abc import Mapping
from typing import Final

from poller.network import reasons
from poller.network.bans import Ban
from poller.network.counters import Counters

BANNED: Final = (418, 429)
"""The status codes of a ban: 429, too many requests; and 418, Binance's answer if requests go on after a 429."""
_UNTIL = re.compile(r"until ([0-9]{13})(?![0-9])", re.ASCII)
"""In the message of a 418: Unix milliseconds."""


def obey(
    ban: Ban, status: int, headers: Mapping[str, str], body: bytes, now_us: int, counters: Counters | None = None
) -> str:
    """Begin the ban of a 429 or 418, and count it; return the text for people.

    Its length is ``Retry-After``, in seconds or as a date, else the time in the message, else a guess that grows.
    """
    given_s = _retry_after_s(headers.get("Retry-After", ""), now_us)
    if given_s is None and (until := _UNTIL.search(body[:2000].decode(errors="replace"))):
        given_s = int(until[1]) / 1e3 - now_us / 1e6
        if given_s <= 0:
            given_s = None
    wait_s = ban.begin(given_s)
    if counters is not None:
        counters.banned(now_us / 1e6 + ban.left_s())
    words = reasons.in_body(body)
    asked = "asked to wait" if given_s is not None else "waiting"
    ban.reason = f"HTTP {status}, {asked} {wait_s:.0f} s{f': {words}' if words else ''}"
    return ban.reason


def _retry_after_s(header: str, now_us: int) -> float | None:
    """The seconds of ``Retry-After`` (RFC 9110, section 10.2.3); None if it is unreadable or over."""
    if (seconds := whole(header)) is not None:
        return float(seconds)
    try:
        left_s = email.utils.parsedate_to_datetime(header).timestamp() - now_us / 1e6
    except (ValueError, OverflowError):
        return None
    return left_s if left_s > 0 else None


def whole(header: str | None) -> int | None:
    """The number in a header; None if there is none."""
    return int(header) if header and re.fullmatch(r"[0-9]{1,9}", header) else None
