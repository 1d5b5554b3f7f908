"""The implementations that every contract suite runs over, each with its real server."""

from collections.abc import Callable, Mapping
from typing import Final

import pytest


def _memory(request: pytest.FixtureRequest) -> str:
    return "memory://"


def _redis(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("valkey").url)


def _sentinel(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("sentinels").url)


def _redis_cluster(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("valkey_cluster").url)


IMPLEMENTATIONS: Final[Mapping[str, Callable[[pytest.FixtureRequest], str]]] = {
    "memory": _memory,
    "redis": _redis,
    "redis+sentinel": _sentinel,
    "redis+cluster": _redis_cluster,
}
"""Each by one of its URL schemes: what gives the URL of an empty bus."""
ALSO_OPENED_BY: Final = {
    "rediss": "redis",
    "unix": "redis",
    "rediss+sentinel": "redis+sentinel",
    "rediss+cluster": "redis+cluster",
}
"""Other schemes: the implementation that they lead to."""
