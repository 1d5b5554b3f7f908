"""The environment, read once and checked."""

import pytest

from gateway.admission.address import TrustedProxies
from gateway.admission.origin import AllowedHosts, AllowedOrigins
from gateway.auth.settings import AuthSettings
from gateway.settings import Settings
from market.settings.config import GATEWAYS, SECRET_FILES
from market.settings.environ import SettingError

LOOPBACK_ONLY = AllowedHosts.parse("", only_loopback=True)


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    """Nothing set: three symbols, loopback and its names only, port 8080, a local Redis."""
    settings = Settings.from_environ({})
    assert Settings(allowed_hosts=LOOPBACK_ONLY) == settings
    assert ("127.0.0.1", 8080, "redis://127.0.0.1:6379/0") == (settings.host, settings.port, settings.bus_url)
    assert ("BTCUSDT", "ETHUSDT", "SOLUSDT") == settings.symbols.names


def test_every_variable_is_read() -> None:
    """Each variable lands in its own field."""
    settings = Settings.from_environ(
        {
            "BUS_URL": "memory://",
            "SYMBOLS": "XRPUSDT",
            "GATEWAY_HOST": "127.0.0.2",
            "GATEWAY_PORT": "9000",
            "LAG_TIMEOUT_S": "1.5",
            "MESSAGE_TIMEOUT_S": "2.5",
            "MAX_BUFFERED_BYTES": "14",
            "DRAIN_SECONDS": "0",
            "HEARTBEAT_S": "7",
            "REST_FACTOR": "0",
            "MAX_CONNECTIONS": "1",
            "MAX_SYMBOLS_PER_CONNECTION": "2",
            "MAX_MESSAGE_BYTES": "3",
            "MAX_ERRORS_PER_CONNECTION": "4",
            "MAX_CONNECTIONS_PER_IP": "5",
            "MAX_CONNECT_RATE_PER_IP": "6.5",
            "MAX_CONNECTIONS_PER_SUBJECT": "7",
            "MAX_MESSAGES_PER_SECOND": "8.5",
            "MAX_MESSAGES_PER_SECOND_PER_SUBJECT": "9.5",
            "MAX_HANDSHAKES": "10",
            "HANDSHAKE_TIMEOUT_S": "11.5",
            "AUTH_TIMEOUT_S": "12.5",
            "AUTH_MODE": "jwt",
            "AUTH_QUERY_TOKEN": "1",
            "JWT_SECRET": "s",
            "JWT_PUBLIC_KEY_FILE": "f",
            "JWT_JWKS_URL": "u",
            "JWT_ISSUER": "i",
            "JWT_AUDIENCE": "a",
            "JWT_FAMILY": "ES",
            "JWT_LEEWAY_S": "13",
            "ALLOWED_ORIGINS": "https://app.example",
            "ALLOWED_HOSTS": "prices.example",
            "TRUSTED_PROXIES": "10.0.0.1",
            "FORWARDED_HOPS": "2",
            "LOG_FORMAT": "json",
            "LOG_LEVEL": "ERROR",
            "LOG_LEVELS": "gateway.client=debug",
        }
    )
    assert ("memory://", ("XRPUSDT",), "127.0.0.2", 9000) == (
        settings.bus_url,
        settings.symbols.names,
        settings.host,
        settings.port,
    )
    assert (1.5, 2.5, 14, 0, 7, 0) == (
        settings.lag_timeout_s,
        settings.message_timeout_s,
        settings.max_buffered_bytes,
        settings.drain_seconds,
        settings.heartbeat_s,
        settings.rest_factor,
    )
    assert (1, 2, 3, 4) == (
        settings.max_connections,
        settings.max_symbols_per_connection,
        settings.max_message_bytes,
        settings.max_errors_per_connection,
    )
    assert ("json", "ERROR", (("gateway.client", "DEBUG"),)) == (
        settings.log_format,
        settings.log_level,
        settings.log_levels,
    )
    assert (5, 6.5, 7, 8.5, 9.5, 10, 11.5, 12.5) == (
        settings.max_connections_per_ip,
        settings.max_connect_rate_per_ip,
        settings.max_connections_per_subject,
        settings.max_messages_per_second,
        settings.max_messages_per_second_per_subject,
        settings.max_handshakes,
        settings.handshake_timeout_s,
        settings.auth_timeout_s,
    )
    assert settings.auth_query_token
    assert settings.auth == AuthSettings(
        mode="jwt",
        jwt_secret="s",  # noqa: S106 # no secret
        jwt_public_key_file="f",
        jwt_jwks_url="u",
        jwt_issuer="i",
        jwt_audience="a",
        jwt_family="ES",
        jwt_leeway_s=13,
    )
    assert AllowedOrigins.parse("https://app.example") == settings.allowed_origins
    assert AllowedHosts.parse("prices.example", only_loopback=False) == settings.allowed_hosts
    assert TrustedProxies.parse("10.0.0.1", 2) == settings.trusted_proxies


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gateway.example", ""])  # noqa: S104 # that is the point
def test_what_others_reach_needs_tokens_unless_told_otherwise(host: str) -> None:
    """One line that names both settings; with a token to ask for, or with ALLOW_ANONYMOUS=1, it starts."""
    with pytest.raises(SettingError, match=r"^GATEWAY_HOST [^\n]*AUTH_MODE=jwt[^\n]*ALLOW_ANONYMOUS=1[^\n]*$"):
        Settings.from_environ({"GATEWAY_HOST": host})
    with pytest.raises(SettingError):
        Settings.from_environ({"GATEWAY_HOST": host, "ALLOW_ANONYMOUS": "0"})
    assert host == Settings.from_environ({"GATEWAY_HOST": host, "ALLOW_ANONYMOUS": "1"}).host
    assert host == Settings.from_environ({"GATEWAY_HOST": host, "AUTH_MODE": "jwt"}).host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_what_only_this_machine_reaches_needs_none(host: str) -> None:
    """It is served under loopback's own names alone, so that no page makes another name lead here."""
    settings = Settings.from_environ({"GATEWAY_HOST": host})
    assert LOOPBACK_ONLY == settings.allowed_hosts
    assert not settings.allowed_hosts.allows("evil.example")


def test_behind_a_proxy_or_open_to_others_any_name_is_served() -> None:
    """Nobody but the operator knows under which names that is, so ALLOWED_HOSTS has to say so."""
    for environ in (
        {"TRUSTED_PROXIES": "127.0.0.1"},
        {"TRUSTED_PROXIES": "unix"},
        {"GATEWAY_HOST": "::", "AUTH_MODE": "jwt"},
    ):
        assert Settings.from_environ(environ).allowed_hosts.allows("prices.example")
        named = Settings.from_environ({**environ, "ALLOWED_HOSTS": "other.example"})
        assert not named.allowed_hosts.allows("prices.example")


@pytest.mark.parametrize("name", ["MAX_CONNECTIONS_PER_IP", "MAX_CONNECT_RATE_PER_IP", "MAX_REQUEST_RATE_PER_IP"])
def test_a_limit_that_is_asked_for_holds_for_this_machine_too(name: str) -> None:
    """The defaults are for strangers; what somebody sets is meant for everybody."""
    assert Settings.from_environ({}).spare_loopback
    assert not Settings.from_environ({name: "500"}).spare_loopback
    assert Settings.from_environ({"MAX_CONNECTIONS": "500"}).spare_loopback


def test_no_secret_is_in_what_settings_look_like() -> None:
    """Printed, logged or shown by a debugger; nor in what is said of one that cannot be used."""
    secret = "hunter2hunter2hunter2"  # noqa: S105 - a mark to look for
    settings = Settings.from_environ({"AUTH_MODE": "jwt", "JWT_SECRET": secret, "METRICS_TOKEN": secret})
    assert "hunter2" not in f"{settings} {settings!r} {settings.auth}"
    with pytest.raises(SettingError, check=lambda error: "hunter2" not in str(error)):
        Settings.from_environ({"METRICS_TOKEN": f"{secret} "})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BUS_URL", "kafka://there?y=1"),
        ("BUS_URL", ""),
        ("BUS_URL", "redis://host:port/0"),
        ("SYMBOLS", ""),
        ("SYMBOLS", "BTCUSDT,,ETHUSDT"),
        ("SYMBOLS", "BTC*USDT"),
        ("SYMBOLS", "@/no/such/file"),
        ("GATEWAY_PORT", "http"),
        ("GATEWAY_PORT", "70000"),
        ("LAG_TIMEOUT_S", "soon"),
        ("DRAIN_SECONDS", "-1"),
        ("DRAIN_SECONDS", "nan"),
        ("MAX_CONNECTIONS", "1e3"),
        ("MAX_MESSAGE_BYTES", "-5"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "LOUD"),
        ("AUTH_MODE", "oauth"),
        ("AUTH_QUERY_TOKEN", "yes"),
        ("ALLOW_ANONYMOUS", "true"),
        ("AUTH_TIMEOUT_S", "0"),
        ("JWT_FAMILY", "HS"),
        ("JWT_LEEWAY_S", "301"),
        ("ALLOWED_ORIGINS", "app.example"),
        ("ALLOWED_HOSTS", "https://app.example"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("FORWARDED_HOPS", "0"),
        ("HANDSHAKE_TIMEOUT_S", "0"),
        ("MAX_HANDSHAKES", "-1"),
        ("MAX_CONNECTIONS_PER_IP", "many"),
        ("MAX_CONNECT_RATE_PER_IP", "inf"),
        ("MAX_REQUEST_RATE_PER_IP", "-1"),
        ("KEEPALIVE_S", "0"),
        ("METRICS_TOKEN", "short"),
        ("METRICS_TOKEN", "long enough but with spaces"),
        ("MAX_CONNECTIONS_PER_SUBJECT", "1.5"),
        ("MAX_MESSAGES_PER_SECOND", "-0.1"),
        ("MAX_MESSAGES_PER_SECOND_PER_SUBJECT", ""),
        ("MAX_MESSAGES_PER_SECOND_PER_IP", "-1"),
        ("WS_COMPRESSION", "0"),
    ],
)
def test_a_bad_value_names_its_variable(name: str, value: str) -> None:
    """The error is one line that begins with the variable."""
    with pytest.raises(SettingError) as caught:
        Settings.from_environ({"GATEWAY_HOST": "::", name: value} if name == "ALLOW_ANONYMOUS" else {name: value})
    message = str(caught.value)
    assert message.startswith(f"{name} ")
    assert "\n" not in message


def test_compression_is_on_unless_it_is_switched_off() -> None:
    """`WS_COMPRESSION` is `on` or `off`; the rate of one address has a default and can be lifted."""
    assert ["on", "on", "off"] == [
        Settings.from_environ(variables).ws_compression
        for variables in ({}, {"WS_COMPRESSION": "on"}, {"WS_COMPRESSION": "off"})
    ]
    rates = [
        Settings.from_environ(variables).max_messages_per_second_per_ip
        for variables in ({}, {"MAX_MESSAGES_PER_SECOND_PER_IP": "0"}, {"MAX_MESSAGES_PER_SECOND_PER_IP": "2.5"})
    ]
    assert [2_000, 0, 2.5] == rates


def test_what_is_asked_for_by_name_holds_for_this_machine_too() -> None:
    """A limit of one address that is set exempts nobody; the defaults exempt loopback."""
    names = ("MAX_CONNECTIONS_PER_IP", "MAX_CONNECT_RATE_PER_IP", "MAX_MESSAGES_PER_SECOND_PER_IP")
    assert Settings.from_environ({}).spare_loopback
    assert not any(Settings.from_environ({name: "1"}).spare_loopback for name in names)


def test_every_variable_can_be_compared() -> None:
    """Each variable has its place in the table of values, and a difference is where it belongs and nowhere else."""
    before = Settings.from_environ({}).by_variable()
    assert GATEWAYS - SECRET_FILES.keys() == set(before) - {"the exemption of 127.0.0.1 and ::1"}
    for name, value in (("AUTH_MODE", "jwt"), ("FORWARDED_HOPS", "2"), ("MAX_ERRORS_PER_CONNECTION", "7")):
        after = Settings.from_environ({name: value}).by_variable()
        assert [name] == [variable for variable in before if before[variable] != after[variable]]
    spared = Settings.from_environ({"MAX_CONNECTIONS_PER_IP": "500"}).by_variable()
    assert ["the exemption of 127.0.0.1 and ::1"] == [name for name in before if before[name] != spared[name]]


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"GATEWAY_REUSE_PORT": "1"}, "GATEWAY_REUSE_PORT needs GATEWAY_PRIVATE_PORT"),
        ({"GATEWAY_PRIVATE_PORT": "8080"}, "GATEWAY_PRIVATE_PORT is GATEWAY_PORT"),
        ({"GATEWAY_TLS_KEY": "key.pem"}, "GATEWAY_TLS_KEY is set"),
    ],
)
def test_ports_that_do_not_fit_each_other_stop_the_start(variables: dict[str, str], named: str) -> None:
    """Else a probe would be answered by any gateway, or operators' answers stand on the public port."""
    with pytest.raises(SettingError, match=f"^{named}"):
        Settings.from_environ(variables)


def test_a_shared_port_goes_with_a_private_one() -> None:
    """And both with a certificate."""
    variables = {"GATEWAY_REUSE_PORT": "1", "GATEWAY_PRIVATE_PORT": "9081", "GATEWAY_TLS_CERT": "cert.pem"}
    settings = Settings.from_environ(variables)
    assert (settings.reuse_port, settings.private_port, settings.private_host) == (True, 9081, "127.0.0.1")
    assert (settings.tls_cert, settings.tls_key) == ("cert.pem", "")
