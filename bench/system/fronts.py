"""What may stand before the gateways of a measured system."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from bench.servers.front import BEHIND, Front


class Running(Protocol):
    """A front that runs."""

    pid: int
    port: int


Start = Callable[..., AbstractContextManager[Any]]
"""Called with the tree's root, a core, and the gateways' ports; yields a `Running`."""

STRAIGHT: Final = "straight"
"""No front: clients connect to the gateways."""
STARTS: Final[Mapping[str, Start]] = {name: partial(Front, name=name) for name in ("haproxy", "nginx", "envoy")}
"""By name. To measure another one, add how it starts. Each is one process, whose CPU time is all of it."""
ENVIRONMENT: Final[Mapping[str, Mapping[str, str]]] = dict.fromkeys(STARTS, BEHIND)
"""What gateways behind it are told."""


def start(name: str, root: Path, core: int, ports: tuple[int, ...]) -> AbstractContextManager[Any]:
    """Start the front ``name`` before the gateways at ``ports``.

    Raises:
        ProcessError: it is not installed, or was not ready in time.
    """
    return STARTS[name](root, core, *ports)
