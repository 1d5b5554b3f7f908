"""Gateways that share the public port."""

import pytest

from deploy.errors import DeployError
from deploy.fronts.addresses import Listening
from deploy.fronts.direct import environ_of, public_address
from deploy.launcher.programs import plan_cluster
from deploy.ports import Address
from tests.deploy.fronts.test_values import ADDRESS, AT


def test_with_a_certificate_they_listen_for_tls_alone() -> None:
    """Nothing would redirect who came without."""
    tls = Address("127.0.0.1", 8443, "TICKGATE_TLS_BIND")
    assert (public_address(AT), public_address(Listening(ADDRESS, ADDRESS, tls))) == (ADDRESS, tls)


def test_all_have_one_public_port_and_each_a_private_one() -> None:
    """No proxy is believed, and no program stands before them."""
    plan = plan_cluster({"FRONT": "direct"})
    assert (plan.haproxy, plan.other_front, str(plan.front)) == (None, None, "127.0.0.1:8080")
    environs = [gateway.env for gateway in plan.gateways]
    assert {(env["GATEWAY_HOST"], env["GATEWAY_PORT"], env["GATEWAY_REUSE_PORT"]) for env in environs} == {
        ("127.0.0.1", "8080", "1")
    }
    assert [env["GATEWAY_PRIVATE_PORT"] for env in environs] == ["8081", "8082", "8083", "8084"]
    assert [str(gateway.listens[0]) for gateway in plan.gateways] == [f"127.0.0.1:{port}" for port in range(8081, 8085)]
    assert not any("TRUSTED_PROXIES" in env or "GATEWAY_TLS_CERT" in env for env in environs)


@pytest.mark.parametrize("name", ["TICKGATE_TRUSTED_PROXIES", "TICKGATE_ACCEPT_PROXY"])
def test_what_only_a_front_understands_is_refused(name: str) -> None:
    """Else it would be taken for done."""
    with pytest.raises(DeployError, match=f"^{name} "):
        environ_of({name: "10.0.0.1"}, ADDRESS, ADDRESS, AT)
