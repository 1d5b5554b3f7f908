"""One stream of server-sent events, with what `Connection` has: ``GET /v1/stream`` (docs/http.md)."""

import http.client
from urllib.parse import quote, urlsplit

import msgspec

from loadtest.protocol import _messages as messages
from loadtest.protocol._close_codes import ABNORMAL
from loadtest.protocol._events import EventParser
from loadtest.transport._connection import (
    CODE_OF_STATUS,
    CONNECT_TIMEOUT_S,
    RECEIVE_BYTES,
    ConnectionEndedError,
    reason_of,
)

_CLOSED = b'{"type":"closed"'


class _Symbol(msgspec.Struct):
    symbol: str


class _Served(msgspec.Struct):
    symbols: list[_Symbol]


class Stream:
    """An open stream with every tick of the symbols. The caller must close it."""

    def __init__(self, base: str, token: str, names: list[str] | None, wanted: int) -> None:
        """Ask for ``names``, or else for the first ``wanted`` symbols that there are.

        Raises:
            ConnectionEndedError: no server answers, or the stream was refused.
        """
        address = urlsplit(base)
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        self._http = kind(address.netloc, timeout=CONNECT_TIMEOUT_S)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._events = EventParser()
        self._code: int | None = None
        try:
            if names is None:
                names = self._symbols(wanted)
            self._answer = self._get(f"/v1/stream?conflate=false&symbols={quote(','.join(names), safe=',')}")
        except BaseException:
            self._http.close()
            raise

    def _symbols(self, wanted: int) -> list[str]:
        try:
            served = msgspec.json.decode(self._get("/v1/symbols").read(), type=_Served).symbols
        except messages.UNREADABLE:
            raise ConnectionEndedError(ABNORMAL, "/v1/symbols was answered with something else") from None
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionEndedError(ABNORMAL, reason_of(error)) from None
        self._http.close()
        return [entry.symbol for entry in served[:wanted]]

    def _get(self, path: str) -> http.client.HTTPResponse:
        try:
            self._http.request("GET", path, headers=self._headers)
            # The answer takes the socket with it when the server says that it will close.
            self._sock = self._http.sock
            answer = self._http.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionEndedError(ABNORMAL, reason_of(error)) from None
        if answer.status != 200:
            code = CODE_OF_STATUS.get(answer.status, ABNORMAL)
            raise ConnectionEndedError(code, f"{path.partition('?')[0]} was answered {answer.status}")
        return answer

    def send(self, text: bytes) -> None:
        """Drop a command: a stream has said in its URL what it wants."""

    def receive(self, timeout_s: float) -> tuple[list[bytes], int]:
        """As `Connection.receive`."""
        if self._code is not None:
            raise ConnectionEndedError(self._code)
        try:
            self._sock.settimeout(timeout_s)
            data = self._answer.read1(RECEIVE_BYTES)
        except TimeoutError:
            raise ConnectionEndedError(ABNORMAL, "nothing received for two heartbeats") from None
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionEndedError(ABNORMAL, reason_of(error)) from None
        if not data:
            raise ConnectionEndedError(ABNORMAL)
        events = self._events.feed(data)
        if events and events[-1].startswith(_CLOSED):
            try:
                self._code = msgspec.json.decode(events[-1], type=messages.Closed).code
            except messages.UNREADABLE:
                raise ConnectionEndedError(ABNORMAL, "a `closed` without a code") from None
        return events, len(data)

    def close(self) -> None:
        """Close the socket."""
        self._answer.close()
        self._http.close()
