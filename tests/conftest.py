"""What several test folders share."""

from collections.abc import Iterator

import pytest

from tests.valkey import Valkey


@pytest.fixture(scope="session")
def _valkey() -> Iterator[Valkey]:
    server = Valkey()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def valkey(_valkey: Valkey) -> Valkey:
    """A real Valkey server: running and empty when the test begins, whatever the test before did to it."""
    _valkey.renew()
    return _valkey
