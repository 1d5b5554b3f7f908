"""One WebSocket connection: websocket-client for the handshake and for sending, `_frames` for receiving."""

import socket
import ssl
import time

import websocket

from loadtest.protocol import _close_codes as close_codes
from loadtest.protocol import _frames as frames
from loadtest.transport._throttle import READS_PER_S, Throttle
from loadtest.users._kinds import PLAIN, Kind

CONNECT_TIMEOUT_S = 10.0
RECEIVE_BYTES = 64 * 1024
SLOW_BUFFER_BYTES = 4096
"""What the system holds for a slow reader: as little as it can, so that the gateway notices."""
_DEFLATE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

CODE_OF_STATUS = {401: 4401, 403: 4403, 429: 4429, 503: 1013}


class ConnectionEndedError(Exception):
    """The connection has ended, or could not be made."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason or close_codes.meaning_of(code))
        self.code = code


class Connection:
    """An open connection. The caller must close it."""

    def __init__(self, url: str, token: str, kind: Kind = PLAIN, slow_rate: int = 0) -> None:
        """Connect. A slow ``kind`` reads ``slow_rate`` bytes a second.

        Raises:
            ConnectionEndedError: no server answers, or the handshake was refused.
        """
        header = [f"Authorization: Bearer {token}"] if token else []
        if kind.deflate:
            header.append(f"Sec-WebSocket-Extensions: {_DEFLATE}")
        try:
            self._ws = websocket.create_connection(
                url,
                timeout=CONNECT_TIMEOUT_S,
                header=header,
                subprotocols=[kind.subprotocol] if kind.subprotocol else None,
                sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, max(SLOW_BUFFER_BYTES, slow_rate // READS_PER_S))]
                if kind.slow
                else [],
            )
        except websocket.WebSocketBadStatusException as error:
            code = CODE_OF_STATUS.get(error.status_code, close_codes.ABNORMAL)
            raise ConnectionEndedError(code, f"the handshake was answered {error.status_code}") from None
        except (OSError, websocket.WebSocketException) as error:
            raise ConnectionEndedError(close_codes.ABNORMAL, reason_of(error)) from None
        sock = self._ws.sock
        if sock is None:
            raise ConnectionEndedError(close_codes.ABNORMAL)
        self._sock = sock
        self._require(kind)
        self._opcode = kind.encoding.opcode
        self._parser = frames.FrameParser(self._opcode, deflate=kind.deflate)
        self._throttle = Throttle(slow_rate, time.perf_counter()) if kind.slow else None
        self._code: int | None = None

    def send(self, text: bytes) -> None:
        """Send a message.

        Raises:
            ConnectionEndedError: the connection is gone.
        """
        try:
            self._ws.send(text, self._opcode)
        except (OSError, websocket.WebSocketException) as error:
            raise ConnectionEndedError(close_codes.ABNORMAL, reason_of(error)) from None

    def receive(self, timeout_s: float) -> tuple[list[bytes], int]:
        """Wait for bytes; return the messages that they complete (possibly none), and the number of bytes.

        Raises:
            ConnectionEndedError: closed, lost, out of protocol, or silent for ``timeout_s``.
        """
        if self._code is not None:
            raise ConnectionEndedError(self._code)
        try:
            self._sock.settimeout(timeout_s)
            data = self._sock.recv(RECEIVE_BYTES) if self._throttle is None else self._recv_slowly(self._throttle)
            texts, controls = self._parser.feed(data)
            for opcode, payload in controls:
                if opcode == frames.PING:
                    self._ws.pong(payload)
                elif opcode == frames.CLOSE:
                    # The messages before the close frame are still checked.
                    self._code = close_codes.code_of(payload)
        except TimeoutError:
            raise ConnectionEndedError(close_codes.ABNORMAL, "nothing received for two heartbeats") from None
        except (OSError, websocket.WebSocketException, frames.ProtocolError) as error:
            raise ConnectionEndedError(close_codes.ABNORMAL, reason_of(error)) from None
        if not data:
            raise ConnectionEndedError(close_codes.ABNORMAL)
        return texts, len(data)

    def _recv_slowly(self, throttle: Throttle) -> bytes:
        data: bytes = self._sock.recv(throttle.most)
        time.sleep(throttle.wait_s(len(data), time.perf_counter()))
        return data

    def _require(self, kind: Kind) -> None:
        agreed = {name.lower(): value for name, value in (self._ws.getheaders() or {}).items()}
        wanted = {"sec-websocket-protocol": kind.subprotocol, "sec-websocket-extensions": kind.deflate and _DEFLATE}
        for header, value in wanted.items():
            # Of an extension the parameters may stand in another order.
            if value and not agreed.get(header, "").startswith(value.partition(";")[0]):
                self.close()
                raise ConnectionEndedError(
                    close_codes.ABNORMAL, f"the gateway did not agree to {value.partition(';')[0]}"
                )

    def close(self) -> None:
        """Send a close frame and close the socket, without waiting for an answer."""
        try:
            self._ws.send_close()
        except (OSError, websocket.WebSocketException):
            pass  # it is gone already
        finally:
            self._sock.close()


def reason_of(error: Exception) -> str:
    """What went wrong, without what differs from case to case."""
    # One text per kind of failure: each text with an address or a time would get its own row of statistics.
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason}"
    return getattr(error, "strerror", None) or type(error).__name__
