"""The exchange that a poller would ask: reached or not and why, its clock, its streams, and our symbols there."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final

import aiohttp
import msgspec
from msgspec import structs

from deploy.checks.finding import Finding, Mark, split
from market.process.tasks import end
from poller.errors import PollerError
from poller.network import reasons
from poller.network.endpoints import Endpoints
from poller.network.handshake import RefusedError, stream_session
from poller.network.refusals import BANNED
from poller.settings import PollerSettings
from poller.venues.venue import Opening

_NAMED_AT_MOST: Final = 5
_CLOCK_S: Final = 1.0
"""A difference of clocks that matters: `recv_us` is ours, and tokens are judged by it."""
REST_S: Final = 2.5
STREAMS_S: Final = 4.5
SYMBOLS_S: Final = 2.0
"""How long answers are waited for: for the first two of all addresses together; the last begins after the first."""
_BODY_BYTES: Final = 1 << 16
_REGION: Final = frozenset({403, 451})
"""451 is Binance's where it may not serve; 403 is what its firewall says."""


async def check_exchange(settings: PollerSettings, now_s: Callable[[], float] = time.time) -> list[Finding]:
    """Ask REST for its time, open a stream, and ask for our symbols; ``now_s`` is the wall clock."""
    if settings.feed in {"simulated", "replay"}:
        return [Finding("ok", "exchange", f"is not needed with FEED={settings.feed}")]
    # With `auto` prices are simulated, and labelled so, until the exchange answers.
    mark: Mark = "warning" if settings.feed == "auto" else "wrong"
    (url, rest), streams = await asyncio.gather(_check_rest(settings, mark, now_s), _check_streams(settings))
    listed = await _check_symbols(settings, url) if url else []
    return [*rest, *listed, *streams]


async def _check_rest(settings: PollerSettings, mark: Mark, now_s: Callable[[], float]) -> tuple[str, list[Finding]]:
    """The first of the base URLs that answers as it should, empty if none does; and what is said of them."""
    findings: list[Finding] = []
    for url in settings.rest_url:
        variable = settings.venue.rest_variable
        try:
            async with (
                asyncio.timeout(REST_S / len(settings.rest_url)),
                aiohttp.ClientSession() as session,
                session.get(
                    url + settings.venue.clock, allow_redirects=False, **settings.proxies.options(url)
                ) as response,
            ):
                before = now_s()
                status, body = response.status, await response.content.read(_BODY_BYTES)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            text, fix = _unreached(url, error, variable)
        else:
            if status == 200:
                # The others need not answer, but somebody named them.
                return url, [*(structs.replace(its, mark="warning") for its in findings), _clock(url, body, before)]
            text, fix = _refused(url, status, body, variable)
        findings.append(Finding(mark, "exchange", text, fix))
    if settings.feed == "auto":
        findings.append(Finding("warning", "exchange", "nothing of it can be used: prices would be simulated"))
    return "", findings


def _clock(url: str, body: bytes, now_s: float) -> Finding:
    theirs = _their_time_s(body)
    if theirs is None:
        return Finding("ok", "exchange", f"{url} answers")
    off = now_s - theirs
    if abs(off) > _CLOCK_S:
        text = f"{url} answers, but this machine's clock is {abs(off):.1f} s {'ahead of' if off > 0 else 'behind'} its"
        return Finding("warning", "exchange", text, "let NTP set the clock (timedatectl set-ntp true)")
    return Finding("ok", "exchange", f"{url} answers; the clocks differ by {abs(off) * 1000:.0f} ms")


class _Time(msgspec.Struct):
    """Binance's ``serverTime`` in milliseconds, Coinbase's ``epoch`` in seconds."""

    serverTime: int = 0  # noqa: N815 - as it is sent
    epoch: float = 0.0


def _their_time_s(body: bytes) -> float | None:
    try:
        its = msgspec.json.decode(body, type=_Time)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return its.serverTime / 1000 or its.epoch or None


async def _check_streams(settings: PollerSettings) -> list[Finding]:
    """Open one, and close it; nothing where prices come by REST."""
    if settings.live_feed.endswith("-rest"):
        return []
    text = fix = ""
    variable = settings.venue.ws_variable
    for url in settings.ws_url:
        try:
            async with (
                asyncio.timeout(STREAMS_S / len(settings.ws_url)),
                stream_session() as session,
                session.ws_connect(url + settings.venue.stream, **settings.proxies.options(url)),
            ):
                return [Finding("ok", "streams", f"{url} opens")]
        except RefusedError as error:
            text, fix = _refused(url, error.status, error.body, variable)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            text, fix = _unreached(url, error, variable)
    # Prices come by REST meanwhile, or simulated.
    return [Finding("warning", "streams", text, fix)]


async def _check_symbols(settings: PollerSettings, url: str) -> list[Finding]:
    """Which of our symbols the exchange at ``url`` lists and trades, as a poller would learn it at its start."""
    venue, names = settings.venue, settings.symbols.names
    opening = Opening(
        names,
        Endpoints(venue.title, (url,), settings.proxies),
        Endpoints(venue.title, settings.ws_url, settings.proxies),
        lambda: time.time_ns() // 1_000,
        random.Random(),  # noqa: S311 - jitter
    )
    source = venue.feeds[settings.live_feed](opening)
    before = source.state.reason
    asked = asyncio.create_task(source.instruments())
    try:
        async with asyncio.timeout(SYMBOLS_S):
            while not asked.done():
                await asyncio.wait((asked,), timeout=0.05)
                # It would go on asking until there is an answer.
                if source.state.reason != before:
                    text = f"{venue.title} does not list them now: {source.state.reason}"
                    return [Finding("warning", "symbols", text)]
        instruments = asked.result()
    except PollerError as error:
        return [split("symbols", str(error))]
    except TimeoutError:
        return [Finding("warning", "symbols", f"{venue.title} gave no list in time", "check again")]
    finally:
        await end(asked)
    others = {symbol: its for symbol, its in instruments.items() if its.status != "trading"}
    unknown = [symbol for symbol, its in others.items() if its.status == "unknown"]
    findings = []
    if unknown:
        text = f"{venue.title} does not list {_some(unknown)}"
        findings.append(Finding("wrong", "symbols", text, "correct SYMBOLS, or remove them"))
    findings += [
        Finding("warning", "symbols", f"{_some(its)}: {status}; expect no prices")
        for status in ("halted", "delisted")
        if (its := [symbol for symbol, instrument in others.items() if instrument.status == status])
    ]
    if traded := len(instruments) - len(others):
        findings.append(Finding("ok", "symbols", f"{traded} of {len(instruments)} are listed and traded"))
    return findings


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return ", ".join(names[:_NAMED_AT_MOST]) + more


def _refused(url: str, status: int, body: bytes, variable: str) -> tuple[str, str]:
    """What an answer other than the wanted one means, and the fix."""
    said = reasons.of_answer(status, body)
    if status in BANNED:
        return f"{url} has banned this address for a while: {said}", "wait, and ask less: who else asks from here?"
    if status in _REGION:
        return (
            f"{url} does not serve this machine, or its country: {said}",
            f"name an address that does in {variable}, or go through a proxy (HTTPS_PROXY)",
        )
    if status == 407:
        return f"the proxy wants a user and a password: {said}", "write http://user:password@host:port in HTTPS_PROXY"
    if status >= 500:
        return f"{url} is out of order: {said}", "wait, or name another address in " + variable
    return f"{url} answers, but not as the exchange does: {said}", f"see {variable}"


def _unreached(url: str, error: BaseException, variable: str) -> tuple[str, str]:
    """What an ``error`` means that kept us from any answer, and the fix."""
    text = f"{url} cannot be reached: {reasons.of_error(error)}"
    if isinstance(error, TimeoutError):
        return f"{url} gave no answer in time", f"does a firewall drop what goes there? See {variable} and HTTPS_PROXY"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return text, "is a proxy in between that has a certificate of its own? Trust its authority (SSL_CERT_FILE)"
    if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        return text, "see HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
    return text, f"is there a way to the internet, or only through a proxy (HTTPS_PROXY)? See {variable}"
