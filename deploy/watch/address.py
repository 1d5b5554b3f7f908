"""The URL of the gateway to watch: the default, and what a URL of another kind was meant for."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from deploy.ports import Address, parse_address
from deploy.settings import Variables

URL: Final = "ws://127.0.0.1:8080/ws"
_PATH: Final = "/ws"
_SCHEMES: Final = {"https": "wss", "wss": "wss"}
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not to listen
"""Addresses to listen on, and where to reach them from this machine."""


def default_url(environ: Mapping[str, str]) -> str:
    """The gateway of ``tickgate run`` with these settings; with ``TICKGATE_BIND`` alone, that of ``tickgate cluster``.

    Raises:
        DeployError: a variable that cannot be used.
    """
    variables = Variables(environ)
    if "GATEWAY_PORT" in variables.both:
        host = _reachable(variables.get("GATEWAY_HOST", "127.0.0.1"))
        return _url(parse_address("GATEWAY_PORT", f"{host}:{variables.get('GATEWAY_PORT', '')}"))
    if "TICKGATE_BIND" in variables.both:
        return _url(parse_address("TICKGATE_BIND", variables.get("TICKGATE_BIND", "")))
    return URL


def is_websocket(url: str) -> bool:
    """Whether it is a WebSocket's URL."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def meant(url: str) -> str:
    """The WebSocket's URL on the same host and port; the default where ``url`` names neither."""
    try:
        parts = urlsplit(url if "://" in url else f"ws://{url}")
        host = parts.hostname
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return URL
    if not host or host.isspace() or port == ":0":
        return URL
    path = parts.path if parts.path.endswith(_PATH) else _PATH
    return f"{_SCHEMES.get(parts.scheme, 'ws')}://{f'[{host}]' if ':' in host else host}{port}{path}"


def _url(address: Address) -> str:
    return f"ws://{address._replace(host=_reachable(address.host))}{_PATH}"


def _reachable(host: str) -> str:
    return _EVERYWHERE.get(host, host)
