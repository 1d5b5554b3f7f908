"""The version of this package, as its metadata have it."""

from importlib.metadata import PackageNotFoundError, version


def _version() -> str:
    try:
        return version("tickgate-client")
    except PackageNotFoundError:
        return "0"  # run from its source


VERSION = _version()
