"""Last values on a cluster: fields of the hash of each partition."""

from collections.abc import Iterable

from market.bus.last_values import MAX_TOPIC_BYTES
from market.bus.partitions import partition_of
from market.bus.redis.cluster.connection.client import ClusterClient, together
from market.bus.redis.cluster.roles.layout import field_of, partition_key, partitions_in_use, topic_of
from market.bus.redis.cluster.roles.scripts import READ, READ_ALL


class ClusterLastValues:
    """See `market.bus.LastValues`. The number of partitions is that of the last publisher."""

    def __init__(self, client: ClusterClient, partitions: int) -> None:
        """Ask ``client``. There are ``partitions`` if nothing was ever published."""
        self._client = client
        self._partitions = partitions

    async def read(self, topics: Iterable[str], *, max_bytes: int) -> dict[str, bytes]:
        """See `market.bus.LastValues.read`."""
        wanted = list(topics)
        if not wanted:
            return {}
        partitions = await partitions_in_use(self._client, self._partitions)
        fields: dict[int, list[str]] = {}
        for topic in wanted:
            fields.setdefault(partition_of(topic, partitions), []).append(field_of(topic))
        answers = await together(*(self._eval(number, READ, max_bytes, *names) for number, names in fields.items()))
        return {topic: value for answer in answers for topic, value in answer.items()}

    async def read_all(self, prefix: str, *, max_bytes: int) -> dict[str, bytes]:
        """See `market.bus.LastValues.read_all`."""
        if "." not in prefix:
            raise ValueError(f"a prefix without a dot: {prefix!r}; write it like 'tick.'")
        partitions = await partitions_in_use(self._client, self._partitions)
        field = field_of(prefix)
        longest = MAX_TOPIC_BYTES + len(field) - len(prefix)
        answers = await together(
            *(self._eval(number, READ_ALL, max_bytes, field, longest) for number in range(partitions))
        )
        # A value that lies elsewhere is of a time when there were more partitions, or fewer.
        return {
            topic: value
            for number, answer in enumerate(answers)
            for topic, value in answer.items()
            if partition_of(topic, partitions) == number
        }

    async def _eval(self, partition: int, script: bytes, *words: str | int) -> dict[str, bytes]:
        key = partition_key(partition)
        answer: list[bytes] = await self._client.ask(key, b"EVAL", script, 1, key, *words)
        pairs = zip(answer[::2], answer[1::2], strict=True)
        return {topic_of(field.decode(errors="replace")): value for field, value in pairs}
