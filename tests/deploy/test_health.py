"""``python -m deploy.health``."""

import asyncio
import ssl
from http.client import HTTPSConnection

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from deploy.health import connection_of, main
from deploy.ports import free_port


@pytest.mark.parametrize(
    ("role", "variables", "expected"),
    [
        ("gateway", {}, ("127.0.0.1", 8080)),
        ("gateway", {"GATEWAY_HOST": "0.0.0.0", "GATEWAY_PORT": "9000"}, ("127.0.0.1", 9000)),  # noqa: S104
        ("gateway", {"GATEWAY_HOST": "::"}, ("::1", 8080)),
        ("gateway", {"GATEWAY_HOST": "10.0.0.5"}, ("10.0.0.5", 8080)),
        ("gateway", {"GATEWAY_PRIVATE_PORT": "8081", "GATEWAY_TLS_CERT": "/x.pem"}, ("127.0.0.1", 8081)),
        ("poller", {"POLLER_METRICS_PORT": "9090"}, ("127.0.0.1", 9090)),
        ("poller", {"POLLER_METRICS_PORT": "9090", "POLLER_METRICS_HOST": "10.0.0.5"}, ("10.0.0.5", 9090)),
    ],
)
def test_the_port_is_that_of_the_program(role: str, variables: dict[str, str], expected: tuple[str, int]) -> None:
    """From the same variables."""
    connection = connection_of(role, variables)
    assert connection is not None
    assert not isinstance(connection, HTTPSConnection)
    assert expected == (connection.host, connection.port)


def test_a_gateway_with_a_certificate_is_asked_over_tls() -> None:
    """Whatever name the certificate is for."""
    connection = connection_of("gateway", {"GATEWAY_TLS_CERT": "/x.pem"})
    assert isinstance(connection, HTTPSConnection)
    context = connection._context  # type: ignore[attr-defined] # there is no public way to see it
    assert context.verify_mode is ssl.CERT_NONE


def test_a_poller_without_a_port_cannot_be_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says which setting gives it one."""
    monkeypatch.delenv("POLLER_METRICS_PORT", raising=False)
    assert main(["poller"]) == 2
    assert "POLLER_METRICS_PORT is not set" in capsys.readouterr().err


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
async def test_the_exit_code_is_what_the_program_answers(
    status: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 for 200, and 1 for anything else."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz)])
    async with TestServer(app, host="127.0.0.1") as server:
        monkeypatch.setenv("POLLER_METRICS_PORT", str(server.port))
        assert code == await asyncio.to_thread(main, ["poller"])


def test_a_program_that_is_not_there_is_not_alive(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason is in one line."""
    monkeypatch.setenv("POLLER_METRICS_PORT", str(free_port()))
    assert main(["poller"]) == 1
    assert "the poller does not answer" in capsys.readouterr().err
