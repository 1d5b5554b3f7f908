"""TLS to the bus: each option against a server that speaks it."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from market.bus import BusUrlError, open_bus
from tests.market.bus.redis.connection.tls_front import Certificates, tls_front
from tests.market.bus.using import outcome_of
from tests.valkey import Valkey


@pytest.fixture
def made(tmp_path: Path) -> Certificates:
    """Make certificates."""
    return Certificates(tmp_path)


async def test_the_server_is_known_by_its_certificate(valkey: Valkey, made: Certificates) -> None:
    """Without its authority it is refused; with ``ssl_ca_certs`` it is used; with ``ssl_cert_reqs=none`` too."""
    async with tls_front(valkey.port, made.ca.issue_cert("127.0.0.1", "localhost")) as port:
        url = f"rediss://127.0.0.1:{port}/0"
        assert "unknown authority" in await outcome_of(url)
        assert "unknown authority" in await outcome_of(f"{url}?ssl_cert_reqs=required")
        assert await outcome_of(f"{url}?ssl_ca_certs={made.ca_file}") == ""
        assert (
            await outcome_of(f"{url}?ssl_ca_certs={made.ca_file}&ssl_cert_reqs=required&ssl_check_hostname=true") == ""
        )
        assert await outcome_of(f"{url}?ssl_cert_reqs=none") == ""
        assert await outcome_of(f"rediss://localhost:{port}/0?ssl_ca_certs={made.ca_file}") == ""


async def test_the_certificate_must_be_for_the_host(valkey: Valkey, made: Certificates) -> None:
    """A certificate for another name is refused, unless ``ssl_check_hostname=false``."""
    async with tls_front(valkey.port, made.ca.issue_cert("elsewhere.example.org")) as port:
        for host in ("127.0.0.1", "localhost"):
            url = f"rediss://{host}:{port}/0?ssl_ca_certs={made.ca_file}"
            assert "is for another name" in await outcome_of(url)
            assert "is for another name" in await outcome_of(f"{url}&ssl_check_hostname=True")
            for no in ("false", "False", "0"):
                assert await outcome_of(f"{url}&ssl_check_hostname={no}") == ""


async def test_we_are_known_by_ours(valkey: Valkey, made: Certificates) -> None:
    """If the server asks for a certificate, ``ssl_certfile`` has it, with the key in ``ssl_keyfile`` or beside it."""
    async with tls_front(valkey.port, made.ca.issue_cert("127.0.0.1"), clients_of=made.ca) as port:
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={made.ca_file}"
        assert "ssl_certfile" in await outcome_of(url)
        assert await outcome_of(f"{url}&ssl_certfile={made.certfile}&ssl_keyfile={made.keyfile}") == ""
        assert await outcome_of(f"{url}&ssl_certfile={made.both}") == ""


async def test_a_user_an_ipv6_host_and_a_database_go_through_tls_too(valkey: Valkey, made: Certificates) -> None:
    """The other parts of a URL mean the same with TLS."""
    valkey.command("ACL", "SETUSER", "g@b", "on", ">a/b?c#d@e", "~*", "&*", "+@all")
    async with tls_front(valkey.port, made.ca.issue_cert("::1"), host="::1") as port:
        url = f"rediss://g%40b:a%2Fb%3Fc%23d%40e@[::1]:{port}/5?ssl_ca_certs={made.ca_file}&client_name=through-tls"
        assert await outcome_of(url) == ""
    assert "db5" in valkey.command("INFO", "keyspace")


async def test_a_renewed_certificate_counts_for_the_next_connection(valkey: Valkey, made: Certificates) -> None:
    """The files are read again for each connection, so a new authority needs no restart."""
    async with tls_front(valkey.port, made.ca.issue_cert("127.0.0.1")) as port:
        right = made.ca_file.read_bytes()
        (others := made.ca_file.parent / "others").mkdir()
        made.ca_file.write_bytes(Certificates(others).ca_file.read_bytes())
        bus = open_bus(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={made.ca_file}")
        assert "unknown authority" in await outcome_of(bus)
        made.ca_file.write_bytes(right)
        assert await outcome_of(bus) == ""
        await bus.aclose()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("ssl_cert_reqs=optional", "write ssl_cert_reqs=required or none"),
        ("ssl_cert_reqs=", "without a value"),
        ("ssl_check_hostname=maybe", "write ssl_check_hostname=true or false"),
        ("ssl_check_hostname=true&ssl_cert_reqs=none", "checks nothing"),
        ("ssl_ca_certs={folder}/missing", "an ssl_ca_certs that cannot be read"),
        ("ssl_ca_certs={folder}", "an ssl_ca_certs that cannot be read"),
        ("ssl_ca_certs={folder}/fifo", "an ssl_ca_certs that cannot be read"),
        ("ssl_ca_certs=a%00b", "an ssl_ca_certs that cannot be read"),
        ("ssl_ca_certs={folder}/rubbish", "holds no certificate"),
        ("ssl_keyfile={folder}/own.key", "ssl_keyfile without ssl_certfile"),
        ("ssl_certfile={folder}/missing", "an ssl_certfile that cannot be read"),
        ("ssl_certfile={folder}/own.pem", "does not go with its key"),
        ("ssl_certfile={folder}/own.pem&ssl_keyfile={folder}/missing", "an ssl_keyfile that cannot be read"),
        ("ssl_certfile={folder}/own.pem&ssl_keyfile={folder}/rubbish", "does not go with its key"),
        ("ssl_certfile={folder}/own.pem&ssl_keyfile={folder}/others/own.key", "does not go with its key"),
        ("ssl_certfile={folder}/own.pem&ssl_keyfile={folder}/encrypted.key", "not encrypted"),
        ("ssl_ca_path={folder}", "option ssl_ca_path, which is not known"),
    ],
)
def test_what_is_refused_at_the_start(tmp_path: Path, made: Certificates, options: str, said: str) -> None:
    """Files are checked before any connection; the message names the option, and not the file."""
    (tmp_path / "others").mkdir()
    Certificates(tmp_path / "others")
    (tmp_path / "rubbish").write_text("-----BEGIN CERTIFICATE-----\n", encoding="ascii")
    os.mkfifo(tmp_path / "fifo")
    key = load_pem_private_key(made.keyfile.read_bytes(), None)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sesame"))
    (tmp_path / "encrypted.key").write_bytes(encrypted)
    with pytest.raises(BusUrlError) as refusal:
        open_bus(f"rediss://h?{options.format(folder=tmp_path)}")
    message = str(refusal.value)
    assert said in message
    assert str(tmp_path) not in message
    assert "\n" not in message
