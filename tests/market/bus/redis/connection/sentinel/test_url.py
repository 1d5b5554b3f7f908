"""What may stand in the URL of Sentinels, and what is said of the rest."""

import re
from pathlib import Path

import pytest

from market.bus import BusUrlError, open_bus
from market.bus.redis.connection.sentinel.url import SENTINEL_OPTIONS, SENTINEL_TLS_OPTIONS, parse_sentinel_url
from market.bus.redis.connection.sentinel.verdict import Address
from market.bus.redis.connection.tls import TLS_OPTIONS
from market.bus.redis.connection.url import RedisUrl
from tests.market.bus.redis.connection.tls_front import Certificates


@pytest.fixture
def made(tmp_path: Path) -> Certificates:
    """Make certificates."""
    return Certificates(tmp_path)


@pytest.mark.parametrize(
    ("url", "places", "master", "db"),
    [
        ("redis+sentinel://a/mymaster", ["a:26379"], "mymaster", 0),
        ("redis+sentinel://a:1,b:2,c:3/prices.eu-1_a/7", ["a:1", "b:2", "c:3"], "prices.eu-1_a", 7),
        ("redis+sentinel://[::1]:26380,[fe80::1%25eth0]/m/", ["[::1]:26380", "[fe80::1%eth0]:26379"], "m", 0),
        ("redis+sentinel://10.0.0.1:26379/m?db=3", ["10.0.0.1:26379"], "m", 3),
    ],
)
def test_where_the_sentinels_are(url: str, places: list[str], master: str, db: int) -> None:
    """Each has its own port; the path is the name of the primary and the database."""
    its = parse_sentinel_url(url)
    assert (places, master, db) == ([sentinel.place for sentinel in its.sentinels], its.master, its.server.db)
    assert f"{','.join(places)}/{master}" == its.place


def test_who_we_are() -> None:
    """User, password and name are for the data servers; the Sentinels have their own."""
    its = parse_sentinel_url("redis+sentinel://u:p%40@a,b/m/2?client_name=x")
    server = its.at(Address("10.0.0.9", 7000))
    assert ("10.0.0.9:7000", "u", "p@", 2, "x") == (
        *(server.place, server.username, server.password),
        *(server.db, server.client_name),
    )
    assert {(None, None, "x", 0)} == {(s.username, s.password, s.client_name, s.db) for s in its.sentinels}
    own = parse_sentinel_url("redis+sentinel://:p@a,b/m?sentinel_username=s%2F&sentinel_password=q%26")
    assert {("s/", "q&")} == {(s.username, s.password) for s in own.sentinels}
    assert (None, "p") == (own.server.username, own.server.password)


def _tls(url: str) -> tuple[RedisUrl, RedisUrl]:
    its = parse_sentinel_url(url)
    return its.server, its.sentinels[0]


def test_who_speaks_tls() -> None:
    """With ``rediss+sentinel://`` all do; ``sentinel_ssl`` says of the Sentinels whether they do."""
    for url, server_does, sentinel_does in (
        ("redis+sentinel://a/m", False, False),
        ("rediss+sentinel://a/m", True, True),
        ("redis+sentinel://a/m?sentinel_ssl=true", False, True),
        ("redis+sentinel://a/m?sentinel_ssl=1", False, True),
        ("redis+sentinel://a/m?sentinel_ssl=False", False, False),
        ("rediss+sentinel://a/m?sentinel_ssl=false", True, False),
    ):
        server, sentinel = _tls(url)
        assert (server_does, sentinel_does) == (server.tls is not None, sentinel.tls is not None), url


def test_each_option_of_tls(made: Certificates) -> None:
    """The Sentinels have those of the data servers, unless they have their own."""
    server, sentinel = _tls(f"rediss+sentinel://a/m?ssl_ca_certs={made.ca_file}&ssl_check_hostname=false")
    assert server.tls == sentinel.tls
    assert server.tls is not None
    assert (str(made.ca_file), False) == (server.tls.ca_certs, server.tls.check_hostname)
    server, sentinel = _tls(
        f"rediss+sentinel://a/m?ssl_check_hostname=false&sentinel_ssl_check_hostname=true"
        f"&sentinel_ssl_ca_certs={made.ca_file}&sentinel_ssl_certfile={made.both}"
        f"&ssl_certfile={made.certfile}&ssl_keyfile={made.keyfile}"
    )
    assert server.tls is not None
    assert sentinel.tls is not None
    assert (None, False, str(made.certfile), str(made.keyfile)) == (
        *(server.tls.ca_certs, server.tls.check_hostname),
        *(server.tls.certfile, server.tls.keyfile),
    )
    assert (str(made.ca_file), True, str(made.both), None) == (
        *(sentinel.tls.ca_certs, sentinel.tls.check_hostname),
        *(sentinel.tls.certfile, sentinel.tls.keyfile),
    )
    server, sentinel = _tls("rediss+sentinel://a/m?ssl_check_hostname=true&sentinel_ssl_cert_reqs=none")
    assert (True, False) == (server.tls and server.tls.verify, sentinel.tls and sentinel.tls.verify)
    _, sentinel = _tls(f"redis+sentinel://a/m?sentinel_ssl=true&sentinel_ssl_keyfile={made.keyfile}"
                       f"&sentinel_ssl_certfile={made.certfile}")  # fmt: skip
    assert sentinel.tls is not None
    assert (str(made.certfile), str(made.keyfile)) == (sentinel.tls.certfile, sentinel.tls.keyfile)


OTHERS = ("sentinel_master", "service_name", "sentinel_db", "sentinel_protocol", "sentinel_ssl_ciphers", "nonsense")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        *[(f"redis+sentinel://{places}/m", "no Sentinels") for places in ("", "a,", ",a", "a,,b", "a;b")],
        *[(f"redis+sentinel://{places}/m", "no Sentinels") for places in ("::1", "a:0", "a:70000", "a:x", "[x]", "ü")],
        ("redis+sentinel://a,b,a:26379/m", "names a Sentinel twice"),
        (f"redis+sentinel://{','.join(f'h{number}' for number in range(33))}/m", "more than 32"),
        *[(f"redis+sentinel://a{path}", "names no master") for path in ("", "/", "//0", "/m%20x/0", "/m%2F", "/ü/0")],
        *[(f"redis+sentinel://a/m/{db}", "no number") for db in ("x", "0/", "-1", "2147483648", "%31")],
        ("redis+sentinel://a/m/1?db=1", "twice"),
        *[(f"redis+sentinel://a/m?{name}=1", f"option {name}, which is not known") for name in OTHERS],
        *[(f"redis+sentinel://a/m?{name}=none", "rediss+sentinel://") for name in TLS_OPTIONS],
        *[(f"redis+sentinel://a/m?{name}=none", "sentinel_ssl=true") for name in SENTINEL_TLS_OPTIONS],
        *[(f"rediss+sentinel://a/m?sentinel_ssl=0&{name}=1", "sentinel_ssl=true") for name in SENTINEL_TLS_OPTIONS],
        *[(f"redis+sentinel://a/m?{name}=1&{name}=1", "twice") for name in SENTINEL_OPTIONS],
        *[(f"redis+sentinel://a/m?{name}=", "without a value") for name in SENTINEL_OPTIONS],
        *[(f"redis+sentinel://a/m?{name}=a@b", "in the value of an option") for name in SENTINEL_OPTIONS],
        ("redis+sentinel://a/m?sentinel_ssl=maybe", "write sentinel_ssl=true or false"),
        ("redis+sentinel://a/m?username=u", "user:password@"),
        ("redis+sentinel://a/m?protocol=3", "protocol"),
        ("redis+sentinel://u:a@b@a/m", "@ in the password"),
        ("redis+sentinel://a/m?sentinel_ssl=true&sentinel_ssl_cert_reqs=x", "write sentinel_ssl_cert_reqs=required"),
        ("redis+sentinel://a/m?sentinel_ssl=true&sentinel_ssl_check_hostname=x", "sentinel_ssl_check_hostname=true"),
        ("redis+sentinel://a/m?sentinel_ssl=true&sentinel_ssl_ca_certs=/no", "has a sentinel_ssl_ca_certs that cannot"),
        ("redis+sentinel://a/m?sentinel_ssl=true&sentinel_ssl_keyfile=/no", "without sentinel_ssl_certfile"),
        ("redis+sentinel://a/m?sentinel_ssl=true&sentinel_ssl_certfile=/no", "sentinel_ssl_certfile that cannot be"),
    ],
)
def test_what_is_refused(url: str, said: str) -> None:
    """Whatever is not understood as a whole is refused in one line that says what to write."""
    with pytest.raises(BusUrlError) as refusal:
        open_bus(url)
    message = str(refusal.value)
    assert said in message
    assert re.search("write|remove|encode|use|name", message), message
    assert "\n" not in message
    assert len(message) < 260


def test_no_secret_is_shown() -> None:
    """Neither password is in a name or a representation."""
    bus = open_bus("rediss+sentinel://u:sesame@a,b/m/1?sentinel_password=sesame&sentinel_username=sesame")
    assert bus.name == "redis+sentinel a:26379,b:26379/m db 1"
    assert "sesame" not in repr(vars(bus))
    assert "sesame" not in repr(parse_sentinel_url("redis+sentinel://u:sesame@a/m?sentinel_password=sesame"))


def test_passwords_may_be_in_files() -> None:
    """One of the data servers, and one of the Sentinels."""
    url = parse_sentinel_url("redis+sentinel://u@a,b/m?password_file=%2Fx&sentinel_password_file=%2Fy")
    assert "/x" == url.server.password_file
    assert {"/y"} == {sentinel.password_file for sentinel in url.sentinels}
    with pytest.raises(BusUrlError, match="sentinel password file as well; remove one"):
        parse_sentinel_url("redis+sentinel://a/m?sentinel_password=word&sentinel_password_file=%2Fy")
