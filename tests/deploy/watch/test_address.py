"""Which gateway is watched."""

from pathlib import Path

import pytest

from deploy.errors import DeployError
from deploy.watch.address import URL, default_url, is_websocket, meant


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, URL),
        ({"GATEWAY_PORT": "9000"}, "ws://127.0.0.1:9000/ws"),
        ({"GATEWAY_PORT": "9000", "GATEWAY_HOST": "0.0.0.0"}, "ws://127.0.0.1:9000/ws"),  # noqa: S104
        ({"GATEWAY_PORT": "9000", "GATEWAY_HOST": "::"}, "ws://[::1]:9000/ws"),
        ({"GATEWAY_PORT": "9000", "GATEWAY_HOST": "10.0.0.5"}, "ws://10.0.0.5:9000/ws"),
        ({"TICKGATE_BIND": "127.0.0.1:8888"}, "ws://127.0.0.1:8888/ws"),
        ({"TICKGATE_BIND": "0.0.0.0:8888"}, "ws://127.0.0.1:8888/ws"),
        ({"TICKGATE_BIND": "127.0.0.1:8888", "GATEWAY_PORT": "9000"}, "ws://127.0.0.1:9000/ws"),
    ],
)
def test_the_default_is_where_the_settings_put_the_gateway(environ: dict[str, str], url: str) -> None:
    """The same variables as for `run` and `cluster`; who listens everywhere is reached by loopback."""
    assert url == default_url(environ)


def test_the_file_of_settings_counts_too(tmp_path: Path) -> None:
    """It is beneath the environment; a port that is none is said with its variable."""
    (path := tmp_path / "conf").write_text("GATEWAY_PORT=9001\n")
    assert "ws://127.0.0.1:9001/ws" == default_url({"TICKGATE_CONFIG": str(path)})
    with pytest.raises(DeployError, match="GATEWAY_PORT"):
        default_url({"GATEWAY_PORT": "x"})


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:21010", "ws://127.0.0.1:21010/ws"),
        ("http://127.0.0.1:21010/", "ws://127.0.0.1:21010/ws"),
        ("http://127.0.0.1:21010/ws", "ws://127.0.0.1:21010/ws"),
        ("http://127.0.0.1:21010/v1/prices?x=1", "ws://127.0.0.1:21010/ws"),
        ("https://prices.example.com", "wss://prices.example.com/ws"),
        ("https://prices.example.com/feed/ws", "wss://prices.example.com/feed/ws"),
        ("http://user:secret@h:1", "ws://h:1/ws"),
        ("127.0.0.1:8080", "ws://127.0.0.1:8080/ws"),
        ("localhost:8080", "ws://localhost:8080/ws"),
        ("[::1]:21010", "ws://[::1]:21010/ws"),
        ("ws://[::1/ws", URL),
        ("http://h:99999", URL),
        ("", URL),
    ],
)
def test_a_url_of_another_kind_means_the_websocket_at_the_same_place(given: str, url: str) -> None:
    """Same host and port, in the scheme that fits; what is not shown is a password."""
    assert url == meant(given)
    assert is_websocket(url)
    assert not is_websocket(given)
