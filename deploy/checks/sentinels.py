"""What each Sentinel that ``BUS_URL`` names says of the primary, and whether they agree."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from redis.exceptions import ResponseError

from deploy.checks.finding import Finding, split
from market.bus.redis.connection.dial import FAULTS, dial
from market.bus.redis.connection.sentinel.link import SentinelLink
from market.bus.redis.connection.sentinel.url import SentinelUrl
from market.bus.redis.connection.sentinel.verdict import Address, Answer, Verdict, decide
from market.bus.redis.connection.sentinel.watch import fault_of
from market.bus.redis.connection.url import RedisUrl

_SUBJECT: Final = "sentinel"
_ANSWER_S: Final = 2.0


class Said(Struct, frozen=True, kw_only=True):
    """What one Sentinel says."""

    answer: Answer | None = None
    replicas: tuple[Address, ...] = ()
    """Those that it does not take to be down."""
    others: int = 0
    """How many more Sentinels it knows."""
    findings: tuple[Finding, ...]


class Sentinels(Struct, frozen=True):
    """What all of them say."""

    verdict: Verdict | None
    replicas: tuple[Address, ...]
    findings: list[Finding]


async def ask_sentinels(url: SentinelUrl) -> Sentinels:
    """Ask all of them at once; nothing is changed."""
    said = await asyncio.gather(*(_ask(url, sentinel) for sentinel in url.sentinels))
    answers = [its.answer for its in said]
    verdict = decide(answers, None)
    findings = [finding for its in said for finding in its.findings]
    if verdict is not None:
        # The bus works without it.
        findings = [
            Finding("warning", its.subject, its.text, its.fix) if its.mark == "wrong" else its for its in findings
        ]
        findings += _together(url, said, verdict)
    replicas = dict.fromkeys(address for its in said for address in its.replicas)
    return Sentinels(verdict, tuple(replicas), findings)


async def _ask(url: SentinelUrl, sentinel: RedisUrl) -> Said:
    link = None
    try:
        async with asyncio.timeout(_ANSWER_S):
            link = SentinelLink(await dial(sentinel), url.master)
            subscribed = await link.open()
            answer = await link.primary()
            state = await _asked(link, "SENTINEL", "MASTER", url.master)
            rows = await _asked(link, "SENTINEL", "REPLICAS", url.master)
            quorum = await _asked(link, "SENTINEL", "CKQUORUM", url.master)
    except FAULTS as error:
        return Said(findings=(split(_SUBJECT, fault_of(error, sentinel, url.master)),))
    finally:
        if link is not None:
            link.close()
    replicas = tuple(_up(rows))
    return Said(
        answer=answer,
        replicas=replicas,
        others=_number(state, "num-other-sentinels"),
        findings=tuple(_about(sentinel, url.master, answer, state, len(replicas), quorum, subscribed=subscribed)),
    )


async def _asked(link: SentinelLink, *words: str) -> Any:
    """The answer to a command, or the refusal as an error; our user may not use all of them."""
    try:
        return await link.ask(*words)
    except ResponseError as error:
        return error


def _about(
    sentinel: RedisUrl, master: str, answer: Answer, state: Any, replicas: int, quorum: Any, *, subscribed: bool
) -> Iterator[Finding]:
    way = "" if sentinel.tls is None else ", over TLS,"
    text = f"{sentinel.place}{way} names {answer.address} as the primary {master}"
    if isinstance(state, ResponseError):
        fix = f"ACL SETUSER {sentinel.username or 'default'} +sentinel|master there"
        yield Finding("warning", _SUBJECT, f"{text}; it does not say of which epoch that is ({state})", fix)
    else:
        others = _number(state, "num-other-sentinels")
        known = f"{_count(replicas, 'replica')} and {_count(others, 'other Sentinel')}"
        yield Finding("ok", _SUBJECT, f"{text} (epoch {answer.epoch}), with {known}")
        if "down" in (flags := _text(state, "flags")):
            fix = "check again when it has failed over"
            yield Finding("warning", _SUBJECT, f"{sentinel.place} takes that primary to be down ({flags})", fix)
    if isinstance(quorum, ResponseError) and "NOQUORUM" in str(quorum):
        fix = "start the other Sentinels, or let them reach each other"
        yield Finding("warning", _SUBJECT, f"{sentinel.place} could not fail over: {quorum}", fix)
    if not subscribed:
        fix = f"ACL SETUSER {sentinel.username or 'default'} +subscribe &+switch-master there"
        text = f"{sentinel.place} does not let us subscribe: a failover is noticed up to a second later"
        yield Finding("warning", _SUBJECT, text, fix)
    if sentinel.tls is not None and not (sentinel.tls.verify and sentinel.tls.check_hostname):
        text = f"the certificate of {sentinel.place} is not checked, or not for its name: whoever is between could lie"
        yield Finding("warning", _SUBJECT, text, "leave sentinel_ssl_cert_reqs and sentinel_ssl_check_hostname out")


def _together(url: SentinelUrl, said: Sequence[Said], verdict: Verdict) -> Iterator[Finding]:
    given = [
        (sentinel.place, its.answer)
        for sentinel, its in zip(url.sentinels, said, strict=True)
        if its.answer is not None
    ]
    if len({answer.address for _, answer in given}) > 1:
        each = ", ".join(f"{answer.address} (epoch {answer.epoch}) by {place}" for place, answer in given)
        fix = "one that stays behind is cut off from the others, or announces names and they addresses; see its log"
        text = f"they disagree: {each}; the highest epoch counts, so {verdict.addresses[0]} is the primary"
        yield Finding("warning", _SUBJECT, text, fix)
    known = max(len(given), 1 + max(its.others for its in said))
    if known > len(url.sentinels):
        text = f"BUS_URL names {len(url.sentinels)} of {known} Sentinels: if those are down, nobody can be asked"
        yield Finding("warning", _SUBJECT, text, "name all")
    elif known < 3:
        text = f"there {'is only one Sentinel' if known == 1 else 'are only two Sentinels'}: none can fail over alone"
        yield Finding("warning", _SUBJECT, text, "use three or more, on machines of their own")
    if not any(its.replicas for its in said if its.answer is not None):
        text = f"no replica could take the place of {verdict.addresses[0]}"
        yield Finding("warning", _SUBJECT, text, "start one that follows it (replicaof)")


def _up(rows: Any) -> Iterator[Address]:
    for row in rows if isinstance(rows, list) else ():
        if "down" not in _text(row, "flags") and (port := _number(row, "port")):
            yield Address(_text(row, "ip"), port)


def _text(row: Any, field: str) -> str:
    value = row.get(field.encode(), b"") if isinstance(row, Mapping) else b""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _number(row: Any, field: str) -> int:
    text = _text(row, field)
    return int(text) if text.isascii() and text.isdecimal() else 0


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
