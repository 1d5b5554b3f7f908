"""Ports that are free, in use, or not to be had."""

import errno
import os
import socket

import pytest
from aiohttp import web

from deploy.checks import listening
from deploy.checks.finding import Finding
from deploy.checks.listening import ALIVE, check_listening
from deploy.ports import free_port
from gateway.http.health import health
from gateway.settings import Settings
from poller.settings import PollerSettings
from tests.integration.stacks import cluster_environment


def cluster() -> dict[str, str]:
    """Free ports for a cluster."""
    return {name: value for name, value in cluster_environment().items() if name.startswith("TICKGATE_")}


async def check(**variables: str) -> list[Finding]:
    """Check these variables, with free ports where they name none."""
    environ = {"GATEWAY_PORT": str(free_port()), **cluster(), **variables}
    return await check_listening(environ, [PollerSettings.from_environ(environ)], Settings.from_environ(environ))


async def test_free_ports() -> None:
    """A gateway's, a poller's and a cluster's."""
    gateway, poller, cluster = await check(POLLER_METRICS_PORT=str(free_port()))
    assert ["ok"] * 3 == [its.mark for its in (gateway, poller, cluster)]
    assert "is free" in gateway.text


async def test_a_port_in_use_names_who_has_it() -> None:
    """It is wrong for a gateway, and a warning for a cluster. What accepts and says nothing is not waited for long."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        gateway, cluster = await check(GATEWAY_PORT=str(port))
        assert ("wrong", "ok") == (gateway.mark, cluster.mark)
        assert f"(process {os.getpid()})" in gateway.text
        assert "GATEWAY_PORT" in gateway.fix
        gateway, cluster = await check(TICKGATE_GATEWAY_2=f"127.0.0.1:{port}")
        assert ("ok", "warning") == (gateway.mark, cluster.mark)
        assert "TICKGATE_GATEWAY_2" in cluster.fix


async def test_a_gateway_that_runs_already_is_no_fault() -> None:
    """Whoever checks beside a running gateway is not told to end it."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response(body=ALIVE)

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz)])
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        gateway, _ = await check(GATEWAY_PORT=str(port))
    finally:
        await runner.cleanup()
    assert ("ok", True) == (gateway.mark, "has a gateway already" in gateway.text)


def test_what_a_gateway_answers_is_known() -> None:
    """The probe's answer is compared byte for byte."""
    status, body = health()
    assert (200, ALIVE) == (status, str(body).replace("'", '"').replace(": ", ":").encode())


async def test_an_address_that_is_not_ours() -> None:
    """192.0.2.1 is nobody's (RFC 5737)."""
    gateway, _ = await check(GATEWAY_HOST="192.0.2.1", ALLOW_ANONYMOUS="1")
    assert ("wrong", True) == (gateway.mark, "is no address of this machine" in gateway.text)
    assert "GATEWAY_HOST" in gateway.fix
    gateway, _ = await check(GATEWAY_HOST="no-such-host.invalid", ALLOW_ANONYMOUS="1")
    assert ("wrong", True) == (gateway.mark, "cannot be used" in gateway.text)


async def test_a_port_that_only_root_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says no; what helps is said."""
    monkeypatch.setattr(listening, "_bind", lambda address: OSError(errno.EACCES, os.strerror(errno.EACCES)))
    gateway, *_ = await check(GATEWAY_PORT="80")
    assert ("wrong", True) == (gateway.mark, "which only root may have" in gateway.text)
    assert "CAP_NET_BIND_SERVICE" in gateway.fix
    gateway, *_ = await check(GATEWAY_PORT="8080")
    assert "Permission denied" in gateway.text


async def test_a_cluster_with_an_address_that_is_none() -> None:
    """The launcher's own words."""
    *_, found = await check(TICKGATE_BIND="nonsense")
    assert ("wrong", True) == (found.mark, "TICKGATE_BIND" in found.line)
