"""Bytes from a server's socket to whole WebSocket messages (RFC 6455, section 5).

websocket-client reads one frame per call, at tens of microseconds each. One load generator runs a hundred clients,
so it takes all bytes of one ``recv`` and cuts them here.
"""

FINAL_TEXT = 0x81
CONTINUATION, TEXT, CLOSE, PING, PONG = 0x0, 0x1, 0x8, 0x9, 0xA
_CONTROL = frozenset((CLOSE, PING, PONG))


class ProtocolError(Exception):
    """The server broke RFC 6455, or sent a frame that this client did not negotiate."""


class FrameParser:
    """Cuts the byte stream of one connection into messages, and keeps incomplete ones."""

    def __init__(self) -> None:
        self._rest = b""
        self._parts: list[bytes] | None = None

    def feed(self, data: bytes) -> tuple[list[bytes], list[tuple[int, bytes]]]:
        """Take received bytes; return the text messages that they complete and the control frames, each in order.

        Raises:
            ProtocolError: a masked, binary, compressed or wrongly fragmented frame.
        """
        if self._rest:
            data = self._rest + data
        texts: list[bytes] = []
        controls: list[tuple[int, bytes]] = []
        at, end = 0, len(data)
        while end - at >= 2:
            head, length = data[at], data[at + 1]
            start = at + 2
            if length > 125:
                if length > 127:
                    raise ProtocolError("a masked frame from the server")
                start += 2 if length == 126 else 8
                if start > end:
                    break
                length = int.from_bytes(data[at + 2 : start], "big")
            stop = start + length
            if stop > end:
                break
            payload = data[start:stop]
            at = stop
            if head == FINAL_TEXT and self._parts is None:
                texts.append(payload)
            elif head & 0xF in _CONTROL:
                controls.append((head & 0xF, payload))
            else:
                self._fragment(head, payload, texts)
        self._rest = data[at:]
        return texts, controls

    def _fragment(self, head: int, payload: bytes, texts: list[bytes]) -> None:
        final, opcode = head & 0x80, head & 0x7F
        if opcode == TEXT and self._parts is None:
            self._parts = [payload]
        elif opcode == CONTINUATION and self._parts is not None:
            self._parts.append(payload)
        else:
            raise ProtocolError(f"a frame that was not agreed on (first byte {head:#04x})")
        if final:
            texts.append(b"".join(self._parts))
            self._parts = None
