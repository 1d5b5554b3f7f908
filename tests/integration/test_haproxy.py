"""``haproxy.cfg`` in front of stand-ins for the gateways."""

import os
import subprocess
from pathlib import Path

import aiohttp
import pytest
import trustme

from deploy.launcher.programs import find_haproxy
from deploy.process.processes import ROOT
from tests.integration.balancers import balancer
from tests.integration.stacks import GATEWAY_COUNT, eventually, http_status

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"TICKGATE_CERT": ""},
        {"TICKGATE_CERT": "here"},
        {f"TICKGATE_{limit}_PER_IP": "0" for limit in ("MAX_CONNECTIONS", "CONNECT_RATE", "REQUEST_RATE")},
        {
            "TICKGATE_TRUSTED_PROXIES": "10.0.0.0/8 fd00::/8",
            "TICKGATE_FORWARDED_HOPS": "2",
            "TICKGATE_ACCEPT_PROXY": "10.0.0.1",
        },
        {"TICKGATE_GATEWAYS": "localhost:8081", "TICKGATE_GATEWAY_SLOTS": "100", "TICKGATE_NAMESERVER": "[::1]:53"},
        {"TICKGATE_GATEWAYS": "_http._tcp.gateways.test", "TICKGATE_TRUSTED_PROXIES": "", "TICKGATE_ACCEPT_PROXY": ""},
        {"TICKGATE_GATEWAY_1": "", "TICKGATE_GATEWAY_16": "[::1]:8081", "TICKGATE_DNS": "0"},
    ],
    ids=["defaults", "no certificate", "certificate", "no limits", "balancers", "one name", "records", "numbered"],
)
def test_the_configuration_is_accepted_without_a_warning(variables: dict[str, str], tmp_path: Path) -> None:
    """``haproxy -c`` has nothing to say but that it is valid, with and without each block that a variable opens."""
    if variables.get("TICKGATE_CERT"):
        certificate = tmp_path / "cert.pem"
        trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
        variables = {"TICKGATE_CERT": str(certificate)}
    check = subprocess.run(
        [str(find_haproxy()), "-c", "-f", "haproxy.cfg"],
        cwd=ROOT,
        env=os.environ | {"TICKGATE_GATEWAY_1": "127.0.0.1:8081"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (check.returncode, check.stdout + check.stderr) == (0, "Configuration file is valid\n")


@pytest.mark.parametrize("variable", ["TICKGATE_TRUSTED_PROXIES", "TICKGATE_ACCEPT_PROXY"])
@pytest.mark.parametrize("value", ["10.0.0.1,10.0.0.2", "balancer.example", "10.0.0.0/33", "unix"])
def test_proxies_that_are_no_addresses_stop_the_start_and_are_named(variable: str, value: str) -> None:
    """Both what is wrong and the variable stand in the message; nothing is trusted by mistake."""
    check = subprocess.run(
        [str(find_haproxy()), "-c", "-f", "haproxy.cfg"],
        cwd=ROOT,
        env=os.environ | {"TICKGATE_GATEWAY_1": "127.0.0.1:8081", variable: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 1
    (line,) = [line for line in check.stderr.splitlines() if f"'{value}'" in line]
    assert variable in line


async def test_a_gateway_hears_where_the_client_is_and_not_what_it_claims() -> None:
    """`X-Forwarded-For` and `Forwarded` of the client's own are gone; one address stands in their place."""
    async with balancer() as haproxy, aiohttp.ClientSession() as session:
        claims = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "7.7.7.7"), ("Forwarded", "for=8.8.8.8")]
        async with session.get(f"{haproxy.url}/ws", headers=claims) as response:
            assert response.status == 200
        (request,) = haproxy.requests
        assert request.headers.getall("X-Forwarded-For") == ["127.0.0.1"]
        assert "Forwarded" not in request.headers


async def test_no_query_reaches_the_log() -> None:
    """A token in a query is passed to the gateway and written nowhere."""
    async with balancer() as haproxy:
        assert await http_status(f"{haproxy.url}/ws?token=hunter2") == 200
        (request,) = haproxy.requests
        assert request.query_string == "token=hunter2"

        async def logged() -> bool:
            return any(line.endswith("GET /ws") for line in haproxy.log)

        await eventually(logged, within_s=30)
        assert [line for line in haproxy.log if "hunter2" in line] == []


async def test_a_request_that_a_gateway_refuses_goes_to_another() -> None:
    """503 from a gateway that takes no more, or no answer from one that is gone: the client notices neither."""
    async with balancer() as haproxy:
        full, gone = haproxy.stand_ins[:2]
        full.status = 503
        await gone.server.close()
        statuses = [await http_status(f"{haproxy.url}/ws") for _ in range(4 * GATEWAY_COUNT)]
        assert statuses == [200] * (4 * GATEWAY_COUNT)


async def test_a_draining_gateway_gets_nobody_new() -> None:
    """After a 404 on its readiness path, every request goes to the others."""
    async with balancer() as haproxy:
        draining = haproxy.stand_ins[0]
        draining.ready_status = 404

        async def noticed() -> bool:
            return any("gateway-1 is stopping" in line for line in haproxy.log)

        await eventually(noticed, within_s=30)
        draining.requests.clear()
        statuses = [await http_status(f"{haproxy.url}/ws") for _ in range(3 * GATEWAY_COUNT)]
        assert statuses == [200] * (3 * GATEWAY_COUNT)
        assert draining.requests == []
