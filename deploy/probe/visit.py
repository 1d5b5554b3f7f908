"""One connection to a gateway, and what is measured on it."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Final

import aiohttp
import orjson
from msgspec import UNSET

from deploy.probe.verdict import Seen
from deploy.watch.messages import Message, Snapshot, Update, Updates, read
from gateway.protocol.messages import Error, Pong, Shutdown, Status, Subscribed, SymbolStatus, Welcome
from market.prices.tick import Tick

LONGEST_CONNECT_S: Final = 10.0
"""A gateway that takes longer is not there."""
LONGEST_ANSWER_S: Final = 3.0
"""A gateway that takes longer to answer a ping hangs."""

_OLD: Final = ("stale", "unknown")
_HELP: Final = {
    401: "it does not take this token, or needs one; give it with --token-file",
    403: "it does not serve this name; see its ALLOWED_HOSTS",
    404: "what answers there is no gateway, or the path is wrong; it is /ws",
}


async def visit(
    url: str,
    symbols: Sequence[str],
    for_s: float,
    *,
    token: str | None = None,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> Seen:
    """Be a client of the gateway at ``url`` for ``for_s`` seconds. Never raises for what a gateway may do.

    ``symbols`` are those to subscribe to; all if there are none.
    """
    seen = Seen()
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    clock = asyncio.get_running_loop().time
    began = clock()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        try:
            async with asyncio.timeout(LONGEST_CONNECT_S):
                socket = await session.ws_connect(url, headers=headers, max_msg_size=0, autoping=True)
                welcome = await _welcome(socket)
        except aiohttp.WSServerHandshakeError as error:
            help_ = _HELP.get(error.status, "")
            seen.problem = f"{url} answers with HTTP status {error.status}{f': {help_}' if help_ else ''}"
            return seen
        except aiohttp.ClientConnectorCertificateError as error:
            seen.problem = f"the certificate of {url} cannot be verified ({error.certificate_error})"
            return seen
        except TimeoutError:
            seen.problem = f"no welcome from {url} within {LONGEST_CONNECT_S:g} s"
            return seen
        except (aiohttp.ClientError, OSError, _EndedError) as error:
            seen.problem = f"no gateway at {url} ({error or type(error).__name__})"
            return seen
        seen.connect_s = clock() - began
        seen.certificate_ends_s = _end_of_certificate(socket)
        ahead_us = 0 if welcome.server_us is UNSET else welcome.server_us - now_us()
        subscribed_at = clock()
        listening = _Listening(seen, lambda: now_us() + ahead_us)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(for_s):
                    # A client that wants every tick hears of each that is missing.
                    asked = {"type": "subscribe", "symbols": list(symbols) or ["*"], "conflate": False, "id": "probe"}
                    await socket.send_str(orjson.dumps(asked).decode())
                    await listening.run(socket)
            # Ticks may have come, and none since.
            async with asyncio.timeout(LONGEST_ANSWER_S):
                await socket.send_str('{"type":"ping"}')
                await listening.run(socket, answered=True)
        except TimeoutError:
            seen.problem = seen.problem or f"no answer to a ping within {LONGEST_ANSWER_S:g} s: it hangs"
        except (aiohttp.ClientError, OSError, _EndedError) as error:
            seen.problem = f"the connection ended: {error or type(error).__name__}"
        finally:
            seen.for_s = clock() - subscribed_at
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await socket.close()
    return seen


class _EndedError(Exception):
    """The gateway has ended the connection."""


async def _next(socket: aiohttp.ClientWebSocketResponse) -> Message | None:
    frame = await socket.receive()
    if frame.type is not aiohttp.WSMsgType.TEXT:
        reason = frame.extra if frame.type is aiohttp.WSMsgType.CLOSE and frame.extra else "lost"
        raise _EndedError(f"{socket.close_code or ''} {reason}".strip())
    return read(frame.data)


async def _welcome(socket: aiohttp.ClientWebSocketResponse) -> Welcome:
    while True:
        match await _next(socket):
            case Welcome() as welcome:
                return welcome
            case Error(message=text):
                raise _EndedError(text)


class _Listening:
    """Notes what comes."""

    def __init__(self, seen: Seen, now_us: Callable[[], int]) -> None:
        """``now_us`` is the gateway's time, Unix microseconds."""
        self._seen = seen
        self._now_us = now_us
        self._seqs: dict[str, int] = {}

    async def run(self, socket: aiohttp.ClientWebSocketResponse, *, answered: bool = False) -> None:
        """Until the connection ends, or if ``answered`` until a ping is."""
        while True:
            message = await _next(socket)
            if message is not None:
                self._note(message)
                if answered and isinstance(message, Pong):
                    return

    def _note(self, message: Message) -> None:
        seen = self._seen
        match message:
            case Update():
                self._tick(message)
            case Updates(ticks=ticks):
                for tick in ticks:
                    self._tick(tick)
            case Snapshot():
                self._seqs[message.symbol] = message.seq
            case Status(venue=venue, feed=feed, reason=reason):
                seen.feeds[venue] = "" if feed == "live" else reason or feed
            case SymbolStatus(symbol=symbol, state=state, reason=reason):
                if state in _OLD:
                    seen.stale[symbol] = f"{state} ({reason})" if reason else state
                else:
                    seen.stale.pop(symbol, None)
            case Subscribed(symbols=symbols):
                seen.symbols += len(symbols)
            case Error(code="unknown_symbol", message=text):
                seen.unknown.append(text)
            case Error(message=text):
                seen.problem = text
            case Shutdown():
                seen.problem = "the gateway is going away"

    def _tick(self, tick: Tick) -> None:
        seen, before = self._seen, self._seqs.get(tick.symbol)
        seen.ticks += 1
        seen.ages_s.append(max(0, self._now_us() - tick.recv_us) / 1e6)
        if before is not None and tick.seq != before + 1:
            seen.gaps += 1
        self._seqs[tick.symbol] = tick.seq


def _end_of_certificate(socket: aiohttp.ClientWebSocketResponse) -> float | None:
    tls: ssl.SSLObject | None = socket.get_extra_info("ssl_object")
    certificate = None if tls is None else tls.getpeercert()
    return ssl.cert_time_to_seconds(str(certificate["notAfter"])) if certificate else None
