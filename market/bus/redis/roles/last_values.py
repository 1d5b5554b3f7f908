"""Last values on Redis or Valkey: fields of hashes, and strings (`market.bus.redis.roles.layout`)."""

from collections.abc import Iterable

from market.bus.last_values import MAX_TOPIC_BYTES
from market.bus.redis.connection.client import RedisClient
from market.bus.redis.roles.layout import value_key
from market.bus.redis.roles.scripts import READ, READ_ALL


class RedisLastValues:
    """See `market.bus.LastValues`."""

    def __init__(self, client: RedisClient) -> None:
        """Ask ``client``."""
        self._client = client

    async def read(self, topics: Iterable[str], *, max_bytes: int) -> dict[str, bytes]:
        """See `market.bus.LastValues.read`."""
        wanted = list(topics)
        if not wanted:
            return {}
        keys = {value_key(topic) for topic in wanted}
        return _pairs(await self._client.ask(b"EVAL", READ, len(keys), *keys, max_bytes, *wanted))

    async def read_all(self, prefix: str, *, max_bytes: int) -> dict[str, bytes]:
        """See `market.bus.LastValues.read_all`."""
        kind, dot, name_prefix = prefix.partition(".")
        if not dot:
            raise ValueError(f"a prefix without a dot: {prefix!r}; write it like 'tick.'")
        key, longest = value_key(prefix), MAX_TOPIC_BYTES - len(kind) - 1
        words = await self._client.ask(b"EVAL", READ_ALL, 1, key, max_bytes, f"{kind}.", name_prefix, longest)
        return _pairs(words)


def _pairs(words: list[bytes]) -> dict[str, bytes]:
    return {topic.decode(errors="replace"): value for topic, value in zip(words[::2], words[1::2], strict=True)}
