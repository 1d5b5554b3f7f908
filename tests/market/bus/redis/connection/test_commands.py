"""Requests in the Redis protocol."""

import hiredis

from market.bus.redis.connection.commands import command, encoded


def test_words_of_every_kind() -> None:
    """Text is sent as UTF-8, numbers in decimal, and any bytes unchanged."""
    reader = hiredis.Reader()
    words: list[str | bytes | int] = [b"SET", "币.x", 17, b"\x00\r\n", ""]
    reader.feed(command(*map(encoded, words)))
    assert [b"SET", "币.x".encode(), b"17", b"\x00\r\n", b""] == reader.gets()
