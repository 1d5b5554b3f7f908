"""The certificate of a measured gateway."""

import ssl
import sys
from pathlib import Path

import pytest

from bench.host.processes import ProcessError
from bench.servers import certificate


def test_a_server_can_use_it_and_operators_have_a_port_of_their_own(tmp_path: Path) -> None:
    """One file has the chain and the key."""
    settings = certificate.of_gateway(str(tmp_path))
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings["GATEWAY_TLS_CERT"])
    assert int(settings["GATEWAY_PRIVATE_PORT"])


def test_without_the_package_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is needed for this alone."""
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(ProcessError, match="pip install trustme"):
        certificate.of_gateway(str(tmp_path))
