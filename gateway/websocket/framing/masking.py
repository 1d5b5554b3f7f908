"""The mask over what a client sends (RFC 6455, section 5.3): every byte is XORed with one of four."""

try:
    # Compiled, and many times as fast on long messages. It is private to aiohttp, so it may disappear.
    from aiohttp._websocket.helpers import websocket_mask as mask
except ImportError:

    def mask(mask: bytes, data: bytearray) -> None:
        """Mask or unmask ``data``, in place, with four bytes."""
        words = (len(data) + 3) // 4
        number = int.from_bytes(data, "little") ^ int.from_bytes(mask * words, "little")
        data[:] = number.to_bytes(4 * words, "little")[: len(data)]


def unmasked(key: bytes, payload: bytes | bytearray) -> bytes:
    """``payload`` without its mask, the four bytes of ``key``."""
    buffer = bytearray(payload)
    mask(key, buffer)
    return bytes(buffer)
