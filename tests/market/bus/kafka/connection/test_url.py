"""URLs of Kafka: what is understood, what is refused, and what a refusal shows."""

from pathlib import Path

import pytest
import trustme

from market.bus.errors import BusDownError, BusUrlError
from market.bus.kafka.connection.client import KafkaClient
from market.bus.kafka.connection.url import OPTIONS, SASL, parse_kafka_url
from market.bus.secret_file import SecretFileError


def test_a_plain_url() -> None:
    """Several brokers, the default port, an IPv6 address; without a prefix the topics have their plain names."""
    url = parse_kafka_url("kafka://one,two.example:9093,[::1]:9094")
    assert ("one:9092", "two.example:9093", "[::1]:9094") == url.servers
    assert ("ticks", "last") == (url.ticks, url.last)
    config = url.config()
    assert "one:9092,two.example:9093,[::1]:9094" == config["bootstrap.servers"]
    assert "PLAINTEXT" == config["security.protocol"]
    assert not [name for name in config if name.startswith(("sasl", "ssl"))]


def test_a_prefix_begins_the_topics() -> None:
    """Several platforms share a cluster."""
    url = parse_kafka_url("kafka://h/my-desk_1?replication=3&retention_s=60&create=false&client_id=gw.1")
    assert ("my-desk_1.ticks", "my-desk_1.last") == (url.ticks, url.last)
    assert "h:9092/my-desk_1" == url.place
    assert (3, 60, False, "gw.1") == (url.replication, url.retention_s, url.create, url.client_id)


@pytest.mark.parametrize("sasl", SASL)
@pytest.mark.parametrize("tls", [False, True])
def test_sasl_with_and_without_tls(sasl: str, tls: bool) -> None:
    """User and password are percent-encoded, and go with the mechanism that the URL names."""
    url = parse_kafka_url(f"kafka://us%40er:pa%2Fss:w%3Frd@h:1/?sasl={sasl.upper()}" + "&tls=true" * tls)
    config = url.config()
    assert ("us@er", "pa/ss:w?rd", SASL[sasl]) == (
        config["sasl.username"],
        config["sasl.password"],
        config["sasl.mechanism"],
    )
    assert ("SASL_SSL" if tls else "SASL_PLAINTEXT") == config["security.protocol"]
    assert "us@er" not in repr(url)
    assert "pa/ss" not in f"{url!r}{url.place}"


def test_tls_and_its_files(tmp_path: Path) -> None:
    """Each option becomes the one of librdkafka; a certificate's file may hold its key too."""
    authority = trustme.CA()
    ca, own = tmp_path / "ca.pem", tmp_path / "own.pem"
    authority.cert_pem.write_to_path(str(ca))
    authority.issue_cert("h").private_key_and_cert_chain_pem.write_to_path(str(own))
    config = parse_kafka_url(f"kafka://h?tls=true&ssl_ca_certs={ca}&ssl_certfile={own}").config()
    assert "SSL" == config["security.protocol"]
    assert (str(ca), str(own), str(own)) == (
        config["ssl.ca.location"],
        config["ssl.certificate.location"],
        config["ssl.key.location"],
    )
    assert (True, "https") == (
        config["enable.ssl.certificate.verification"],
        config["ssl.endpoint.identification.algorithm"],
    )
    config = parse_kafka_url("kafka://h?tls=1&ssl_cert_reqs=none").config()
    assert (False, "none") == (
        config["enable.ssl.certificate.verification"],
        config["ssl.endpoint.identification.algorithm"],
    )


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("kafka://", "names no hosts and ports"),
        ("kafka://h:0", "names no hosts and ports"),
        ("kafka://h:65536", "names no hosts and ports"),
        ("kafka://h,,i", "names no hosts and ports"),
        ("kafka://h:1/a/b", "cannot be read"),
        ("kafka://h:1/a.b", "has a prefix that no topic can begin with"),
        ("kafka://u:sesame@h", "has a user, and no sasl; add sasl= and one of plain, scram-sha-256, scram-sha-512"),
        ("kafka://u:sesame@h?sasl=kerberos", "has a sasl that is not known"),
        ("kafka://h?sasl=plain", "has sasl without user and password"),
        ("kafka://u@h?sasl=plain", "has sasl without user and password"),
        ("kafka://u:se#same@h?sasl=plain", "cannot be read; .* as %2F %3F %23 %40"),
        ("kafka://u:se@same@h?sasl=plain", "cannot be read"),
        ("kafka://u:se same@h", "holds white space"),
        ("kafka://u:se%same@h", "has a % that no two hexadecimal digits follow"),
        ("kafka://h?ssl_ca_certs=/sesame", "has the option ssl_ca_certs, which is for TLS; add tls=true"),
        ("kafka://h?tls=true&ssl_ca_certs=/sesame", "has an ssl_ca_certs that cannot be read"),
        ("kafka://h?tls=maybe", "has a tls that is not known"),
        ("kafka://h?group=sesame", "has the option group, which is not known"),
        ("kafka://h?tls=true&tls=true", "has the option tls twice"),
        ("kafka://h?tls=", "has the option tls without a value"),
        ("kafka://h?=1", "has an option that is not NAME=VALUE"),
        ("kafka://h?replication=0", "has a replication that is no whole number from 1 to 100"),
        ("kafka://h?retention_s=1.5", "has a retention_s that is no whole number"),
        ("kafka://h?client_id=a%20b", "has a client_id that no broker takes"),
    ],
)
def test_what_cannot_be_used_is_refused(url: str, says: str) -> None:
    """The message says what is wrong and how to write it, and nothing of what may be a secret."""
    with pytest.raises(BusUrlError, match=f"^{says}") as refused:
        parse_kafka_url(url)
    assert "sesame" not in str(refused.value)
    assert "same" not in str(refused.value)


def test_an_option_that_is_not_known_is_told_which_are() -> None:
    """All of them."""
    with pytest.raises(BusUrlError) as refused:
        parse_kafka_url("kafka://h?x=1")
    assert all(option in str(refused.value) for option in OPTIONS)


def test_the_password_may_be_in_a_file(tmp_path: Path) -> None:
    """It is read for each client of librdkafka: one that has changed is used by the next."""
    path = tmp_path / "password"
    path.write_text("first\n")
    url = parse_kafka_url(f"kafka://user@h:1?sasl=plain&password_file={path}")
    assert "first" == url.config()["sasl.password"]
    path.write_text("second")
    assert "second" == url.config()["sasl.password"]
    path.unlink()
    with pytest.raises(SecretFileError, match="cannot be read"):
        url.config()
    with pytest.raises(BusUrlError, match="has a password, and a password file as well; remove one"):
        parse_kafka_url(f"kafka://user:word@h:1?sasl=plain&password_file={path}")


async def test_a_file_that_is_gone_is_a_fault_like_others(tmp_path: Path) -> None:
    """A bus that is down is tried again, and no process ends."""
    client = KafkaClient(f"kafka://user@h:1?sasl=plain&password_file={tmp_path / 'nowhere'}")
    with pytest.raises(BusDownError, match="file of the password for h:1 cannot be read"):
        client.consumer()
    await client.aclose()
