"""One Valkey server."""

import importlib.util
import shutil

import pytest

from deploy.buses.valkey import valkey, valkey_server
from deploy.errors import DeployError


def test_it_is_one_server_on_a_free_port() -> None:
    """Poller and gateways are given its address."""
    bus = valkey({})
    (server,) = bus
    assert {"BUS_URL": f"redis://{server.listens[0]}/0"} == bus.variables


def test_where_none_is_installed_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed one is taken if the wheel is not there."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name == "redis-server" else None)
    assert "/bin/redis-server" == valkey_server()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DeployError, match=r"pip install 'tickgate\[embedded\]'"):
        valkey_server()
