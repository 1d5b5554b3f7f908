"""Which front ``FRONT`` names, and how its program is started."""

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from signal import SIGQUIT, SIGTERM, Signals
from typing import Final, NamedTuple

from deploy.errors import DeployError
from deploy.fronts import envoy, nginx
from deploy.fronts.values import Front

HAPROXY: Final = "haproxy"
DIRECT: Final = "direct"
"""Nothing: gateways share the public port."""
FRONTS: Final = (HAPROXY, "nginx", "envoy", DIRECT)
"""What ``FRONT`` may name; the first one is the default."""


class Folder:
    """A folder of its own for a program's files. It goes with this object, at the latest with this process.

    So does what the program has left elsewhere: it must have ended by then.
    """

    def __init__(self, name: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"tickgate-{name}-"))
        weakref.finalize(self, _remove, self.path)


def _remove(folder: Path) -> None:
    envoy.forget(folder)
    shutil.rmtree(folder, ignore_errors=True)


class Started(NamedTuple):
    """How the program of a front is started."""

    command: tuple[str, ...]
    stop_signal: Signals
    """For NGINX a soft stop: it stops listening, and stays until its connections end."""
    folder: Folder
    """Where its configuration is."""


def front_of(variables: Mapping[str, str]) -> str:
    """What is to stand before the gateways.

    Raises:
        DeployError: ``FRONT`` names no front.
    """
    name = variables.get("FRONT", HAPROXY).strip().lower()
    if name not in FRONTS:
        raise DeployError(f"FRONT={name[:40]!r} is no front; use one of {', '.join(FRONTS)}")
    return name


def start(name: str, front: Front) -> Started:
    """Write what a front reads, and say how it is started.

    Raises:
        DeployError: it is not installed, or cannot do what a variable asks for.
    """
    folder = Folder(name)
    if name == "nginx":
        return Started(nginx.command(front, folder.path), SIGQUIT, folder)
    return Started(envoy.command(front, folder.path), SIGTERM, folder)
