"""Bytes from a server's socket to whole WebSocket messages (RFC 6455, section 5).

websocket-client reads one frame per call, at tens of microseconds each. One load generator runs a hundred clients,
so it takes all bytes of one ``recv`` and cuts them here.
"""

import zlib

FINAL = 0x80
RSV1 = 0x40
"""Marks a compressed message (RFC 7692, section 6)."""
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_CONTROL = frozenset((CLOSE, PING, PONG))


class ProtocolError(Exception):
    """The server broke RFC 6455, or sent a frame that this client did not negotiate."""


class FrameParser:
    """Cuts the byte stream of one connection into messages, and keeps incomplete ones."""

    def __init__(self, opcode: int = TEXT, *, deflate: bool = False) -> None:
        """Messages have this ``opcode``; with ``deflate`` they may be compressed, each with a window of its own."""
        self._opcode, self._deflate = opcode, deflate
        self._rest = b""
        self._parts: list[bytes] | None = None

    def feed(self, data: bytes) -> tuple[list[bytes], list[tuple[int, bytes]]]:
        """Take received bytes; return the messages that they complete and the control frames, each in order.

        Raises:
            ProtocolError: a frame is masked or wrongly fragmented, or its opcode or compression was not agreed on.
        """
        if self._rest:
            data = self._rest + data
        final_text = FINAL | self._opcode
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
            if head == final_text and self._parts is None:
                texts.append(payload)
            elif head == final_text | RSV1 and self._deflate and self._parts is None:
                texts.append(self._inflate(payload))
            elif head & 0xF in _CONTROL:
                controls.append((head & 0xF, payload))
            else:
                self._fragment(head, payload, texts)
        self._rest = data[at:]
        return texts, controls

    def _inflate(self, payload: bytes) -> bytes:
        try:
            # The sender has cut off these four bytes (RFC 7692, section 7.2.1).
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(payload + b"\x00\x00\xff\xff")
        except zlib.error:
            raise ProtocolError("a compressed message that is not deflate") from None

    def _fragment(self, head: int, payload: bytes, texts: list[bytes]) -> None:
        final, opcode = head & 0x80, head & 0x7F
        if opcode == self._opcode and self._parts is None:
            self._parts = [payload]
        elif opcode == CONTINUATION and self._parts is not None:
            self._parts.append(payload)
        else:
            raise ProtocolError(f"a frame that was not agreed on (first byte {head:#04x})")
        if final:
            texts.append(b"".join(self._parts))
            self._parts = None
