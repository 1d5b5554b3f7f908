"""Commands in the Redis protocol."""


def command(*words: str | bytes | int) -> bytes:
    """One command, whose ``words`` are sent as UTF-8."""
    encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)
