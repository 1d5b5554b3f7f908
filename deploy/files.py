"""The files that the launcher needs, in a source tree or wherever tickgate is installed."""

from importlib import resources
from pathlib import Path
from typing import Final


def packaged(name: str) -> Path:
    """Where the file ``name`` of this package is.

    HAProxy and gunicorn need a path, and installers unpack wheels: so it is a file, never a part of an archive.
    """
    return Path(str(resources.files("deploy").joinpath(name)))


HAPROXY: Final = packaged("haproxy.cfg")
"""HAProxy's configuration. In the source tree it is a link to the file at its top."""
GUNICORN: Final = packaged("gunicorn.conf.py")
"""gunicorn's configuration."""
KAFKA: Final = packaged("kafka.sh")
"""Fetches, prepares and runs Apache Kafka. The list of what it fetches is beside it."""
SYMBOLS: Final = packaged("symbols-100.txt")
"""The symbols of a cluster where none are named."""
NGINX: Final = packaged("nginx.conf")
"""NGINX's configuration, a template."""
ENVOY: Final = packaged("envoy.yaml")
"""Envoy's, another."""
