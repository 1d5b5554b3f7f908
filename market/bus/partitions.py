"""Partitions: the parts of a bus that may lie on different servers. Messages are ordered within one.

A topic ``<n>#<topic>`` is the topic of partition ``n``. Every other topic has a partition by a stable hash, so that a
publisher and all readers agree on it.
"""

from typing import Final
from zlib import crc32

MAX_PARTITIONS: Final = 256
"""Each costs a message a second, and one more for every flush. A bus needs a few for each of its servers."""


def in_partition(topic: str, partition: int) -> str:
    """The topic of ``partition`` with this name: ``in_partition("feed.status", 3) == "3#feed.status"``."""
    return f"{partition}#{topic}"


def partition_of(topic: str, partitions: int) -> int:
    """The partition of ``topic``, of ``partitions``.

    A topic without a dot is of partition 0, which every bus has: it can be read by who does not know their number.
    """
    head, sign, _ = topic.partition("#")
    # The other kinds of topic begin with a word.
    if sign and head.isascii() and head.isdecimal():
        return int(head)
    if partitions == 1 or "." not in topic:
        return 0
    return crc32(topic.encode()) % partitions
