"""One WebSocket connection: websocket-client for the handshake and for sending, `_frames` for receiving."""

import ssl

import websocket

from loadtest import _close_codes as close_codes
from loadtest import _frames as frames

CONNECT_TIMEOUT_S = 10.0
RECEIVE_BYTES = 64 * 1024

_CODE_OF_STATUS = {401: 4401, 403: 4403, 429: 4429, 503: 1013}


class ConnectionEndedError(Exception):
    """The connection has ended, or could not be made."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason or close_codes.meaning_of(code))
        self.code = code


class Connection:
    """An open connection. The caller must close it."""

    def __init__(self, url: str, token: str) -> None:
        """Connect.

        Raises:
            ConnectionEndedError: no server answers, or the handshake was refused.
        """
        try:
            self._ws = websocket.create_connection(
                url,
                timeout=CONNECT_TIMEOUT_S,
                header=[f"Authorization: Bearer {token}"] if token else [],
            )
        except websocket.WebSocketBadStatusException as error:
            code = _CODE_OF_STATUS.get(error.status_code, close_codes.ABNORMAL)
            raise ConnectionEndedError(code, f"the handshake was answered {error.status_code}") from None
        except (OSError, websocket.WebSocketException) as error:
            raise ConnectionEndedError(close_codes.ABNORMAL, _reason(error)) from None
        sock = self._ws.sock
        if sock is None:
            raise ConnectionEndedError(close_codes.ABNORMAL)
        self._sock = sock
        self._parser = frames.FrameParser()
        self._code: int | None = None

    def send(self, text: bytes) -> None:
        """Send a text message.

        Raises:
            ConnectionEndedError: the connection is gone.
        """
        try:
            self._ws.send(text)
        except (OSError, websocket.WebSocketException) as error:
            raise ConnectionEndedError(close_codes.ABNORMAL, _reason(error)) from None

    def receive(self, timeout_s: float) -> tuple[list[bytes], int]:
        """Wait for bytes; return the messages that they complete (possibly none), and the number of bytes.

        Raises:
            ConnectionEndedError: closed, lost, out of protocol, or silent for ``timeout_s``.
        """
        if self._code is not None:
            raise ConnectionEndedError(self._code)
        try:
            self._sock.settimeout(timeout_s)
            data = self._sock.recv(RECEIVE_BYTES)
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
            raise ConnectionEndedError(close_codes.ABNORMAL, _reason(error)) from None
        if not data:
            raise ConnectionEndedError(close_codes.ABNORMAL)
        return texts, len(data)

    def close(self) -> None:
        """Send a close frame and close the socket, without waiting for an answer."""
        try:
            self._ws.send_close()
        except (OSError, websocket.WebSocketException):
            pass  # it is gone already
        finally:
            self._sock.close()


def _reason(error: Exception) -> str:
    # One text per kind of failure: each text with an address or a time would get its own row of statistics.
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason}"
    return getattr(error, "strerror", None) or type(error).__name__
