"""The implementations that every contract suite runs over, each with its real server."""

from collections.abc import Callable, Mapping
from typing import Final

import pytest


def _memory(request: pytest.FixtureRequest) -> str:
    return "memory://"


def _redis(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("valkey").url)


def _redis_cluster(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("valkey_cluster").url)


IMPLEMENTATIONS: Final[Mapping[str, Callable[[pytest.FixtureRequest], str]]] = {
    "memory": _memory,
    "redis": _redis,
    "redis+cluster": _redis_cluster,
}
"""Each by one of its URL schemes: what gives the URL of an empty bus."""
ALSO_OPENED_BY: Final = {"rediss": "redis", "rediss+cluster": "redis+cluster", "unix": "redis"}
"""Other schemes: the implementation that they lead to."""
