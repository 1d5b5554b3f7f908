"""A connection to a gateway, made again whenever it ends, at a pace that does no harm."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import aiohttp
import orjson

from deploy.errors import DeployError
from deploy.watch.listing import ASK, Listing
from deploy.watch.messages import Message, read
from gateway.protocol.messages import Error, ServedSymbols, Shutdown, Welcome

BACKOFF_BASE_S: Final = 0.5
BACKOFF_CAP_S: Final = 30.0
STEADY_S: Final = 10.0
"""A connection that lasted this long starts the backoff anew."""
CONNECT_TIMEOUT_S: Final = 10.0
HEARTBEAT_S: Final = 3.0
"""A gateway that says nothing for this long is pinged, and given up if it does not answer within half of it."""

_REFUSED: Final = {
    401: "the gateway does not take this token, or needs one; give it with --token-file",
    403: "the gateway does not serve this name; see its ALLOWED_HOSTS",
}
_NO_GATEWAY: Final = "what answers there is no gateway, or the path is wrong; it is /ws"
_FINAL: Final = frozenset({1009, 4401, 4403})
"""Close codes after which another try cannot help."""


class WatchError(DeployError):
    """The gateway will not serve us; the message says why and what to do."""


class Lost(Exception):  # noqa: N818 # it is expected: every connection ends
    """A connection has ended, and the next one may do better."""


class Link:
    """Prices of some symbols from one gateway."""

    def __init__(
        self,
        url: str,
        subscribe: dict[str, Any],
        token: str | None,
        *,
        clock: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        """``subscribe`` is the message to send. ``clock`` gives seconds, ``jitter`` a number from 0 to 1."""
        self._url = url
        self._subscribe = subscribe
        self._token = token
        self._clock = clock
        self._jitter = jitter
        self._attempt = 0
        self._return_at = 0.0
        """When a gateway that goes away told us to come back; 0 if it did not."""

    async def messages(self) -> AsyncIterator[Message | str]:
        """What the gateway says; between two connections, why there is none.

        Raises:
            WatchError: another try cannot help.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                began = self._clock()
                try:
                    async for message in self._connection(session):
                        yield message
                except Lost as lost:
                    pause_s = self._pause_s(began)
                    yield f"{lost}; trying again {_when(pause_s)}"
                    await asyncio.sleep(pause_s)

    async def _connection(self, session: aiohttp.ClientSession) -> AsyncIterator[Message]:
        headers = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                socket = await session.ws_connect(
                    self._url, headers=headers, heartbeat=HEARTBEAT_S, max_msg_size=0, compress=0
                )
        except aiohttp.WSServerHandshakeError as error:
            told = f"{self._url} answers with HTTP status {error.status}"
            if error.status == 429 or error.status >= 500:
                raise Lost(told) from None
            raise WatchError(f"{told}: {_REFUSED.get(error.status, _NO_GATEWAY)}") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise WatchError(
                f"the certificate of {self._url} cannot be verified ({error.certificate_error});"
                " SSL_CERT_FILE names the file of a private authority"
            ) from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Lost(f"no gateway at {self._url} ({_why(error)}; --url names another)") from None
        try:
            async for message in self._spoken(socket):
                yield message
        finally:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await socket.close()

    async def _spoken(self, socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[Message]:
        listing: Listing | None = None
        while True:
            frame = await socket.receive()
            if frame.type is not aiohttp.WSMsgType.TEXT:
                raise self._ended(socket, frame)
            message = read(frame.data)
            match message:
                case None:
                    continue
                case Welcome():
                    await socket.send_str(orjson.dumps(self._subscribe).decode())
                case Shutdown(reconnect_after_ms=pause_ms):
                    self._return_at = self._clock() + pause_ms / 1000
                case Error(code="unknown_symbol") as error if listing is None:
                    listing = Listing(error)
                    # It may be closing; then the next frame says so.
                    with contextlib.suppress(aiohttp.ClientError, OSError):
                        await socket.send_str(ASK)
                    continue
                case ServedSymbols():
                    if listing is None or not listing.take(message):
                        continue
                    message, listing = listing.error, None
                case Error(code="unauthorised", message=text):
                    raise WatchError(f"{self._url}: {text}; give a token with --token-file")
                case Error(code="rate_limited" | "try_later", message=text):
                    raise Lost(text)
                case Error() if listing is not None:
                    # A gateway of an earlier version has no list.
                    yield listing.unanswered
                    listing = None
            yield message

    def _ended(self, socket: aiohttp.ClientWebSocketResponse, frame: aiohttp.WSMessage) -> Exception:
        code = socket.close_code
        reason = frame.extra if frame.type is aiohttp.WSMsgType.CLOSE and frame.extra else "the connection was lost"
        if code in _FINAL:
            return WatchError(f"{self._url} closed with {code}: {reason}")
        return Lost(str(reason))

    def _pause_s(self, began: float) -> float:
        now = self._clock()
        if self._return_at:
            pause_s, self._return_at = max(0.0, self._return_at - now), 0.0
            return pause_s
        if now - began > STEADY_S:
            self._attempt = 0
        pause_s = self._jitter() * min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0**self._attempt)
        self._attempt += 1
        return pause_s


def subscribe_message(symbols: Sequence[str], max_hz: float | None) -> dict[str, Any]:
    """A subscribe to ``symbols``, or to all if there are none."""
    message: dict[str, Any] = {"type": "subscribe", "symbols": list(symbols) or ["*"], "id": "watch"}
    return message if max_hz is None else message | {"max_hz": max_hz}


def _when(pause_s: float) -> str:
    return f"in {pause_s:.1f} s" if pause_s >= 0.05 else "at once"


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return os.strerror(number) if number else str(error.os_error)
    return str(error) or type(error).__name__
