"""What every program here prints."""

import json
import sys
from importlib.metadata import version
from typing import Any


def say_version(package: str) -> None:
    """Say which release of ``package`` this is."""
    _write({"version": version(package)})


def say(did: str, data: Any) -> None:
    """Say what was done, and what the library handed out."""
    _write({"did": did, "data": data})


def _write(line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
