"""Which tests of this folder can run here."""

import os

import pytest

from deploy.programs import find_haproxy


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs HAProxy where it is missing, with the reason; in CI a skip would hide a fault."""
    if item.get_closest_marker("haproxy") is None or find_haproxy() is not None:
        return
    reason = "HAProxy is not installed (Debian: apt-get install haproxy)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
