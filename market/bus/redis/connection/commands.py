"""Commands in the Redis protocol."""


def command(*words: bytes) -> bytes:
    """Encode one command."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def encoded(word: str | bytes | int) -> bytes:
    """Encode one word of a command: text as UTF-8, a number in decimal."""
    return word if isinstance(word, bytes) else str(word).encode()
