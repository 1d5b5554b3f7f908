"""Skip the tests of this folder that cannot run here."""

import os

import pytest

from deploy.launcher.programs import find_haproxy


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests that need HAProxy if it is missing, with the reason; not in CI, where a skip would hide a fault."""
    if item.get_closest_marker("haproxy") is None or find_haproxy() is not None:
        return
    reason = "HAProxy is not installed (Debian: apt-get install haproxy)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
