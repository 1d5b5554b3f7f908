"""Names that are likely meant for settings of ours."""

import pytest

from market.settings.config import CONFIG, GATEWAYS, KNOWN, POLLERS
from market.settings.names import mistaken, nearest, suggestion

ALL = KNOWN | {CONFIG}

ORDINARY = {
    # A shell, a desktop, systemd, ssh
    "PATH": "/usr/bin", "HOME": "/root", "LANG": "C.UTF-8", "SHELL": "/bin/sh", "TERM": "xterm", "USER": "me",
    "HOST": "build-7.example.com", "HOSTNAME": "build-7", "HOSTTYPE": "x86_64", "LOGNAME": "me", "DISPLAY": ":0",
    "XDG_RUNTIME_DIR": "/run/user/0", "INVOCATION_ID": "0a", "JOURNAL_STREAM": "8:1", "SSH_AUTH_SOCK": "/run/agent",
    # Python, compilers, continuous integration
    "PYTHONPATH": ".", "VIRTUAL_ENV": ".venv", "CONDA_PREFIX": "/opt/conda", "CI": "true", "CC": "gcc", "SEED": "1",
    "SENTRY_DSN": "x", "DEBUG": "1", "WORKERS": "4", "WEB_CONCURRENCY": "4", "GUNICORN_CMD_ARGS": "", "NODE_ENV": "x",
    # Other programs of the same machine
    "DB_URL": "x", "BASE_URL": "x", "APP_URL": "x", "DATABASE_URL": "postgres://h/d", "SECRET_KEY": "x", "JWT_KEY": "x",
    "FTP_PROXY": "x", "ALL_PROXY": "x", "HTTPS_PROXY": "x", "http_proxy": "x", "no_proxy": "x", "FEES": "1", "FED": "1",
    "JWT_SECRET_KEY": "x", "LOG_FILE": "x", "LOG_DIR": "x", "LOG_PATH": "x", "REST_URL": "x", "MAX_MEMORY": "1",
    "AUTH_TOKEN": "x", "AUTH_URL": "x", "ALLOWED_IPS": "x", "METRICS_PORT": "1", "METRICS_HOST": "x", "PORTS": "80",
    # What Kubernetes and Docker set for services called tickgate, gateway and redis
    "TICKGATE_SERVICE_HOST": "10.0.0.1", "TICKGATE_SERVICE_PORT": "80", "TICKGATE_SERVICE_PORT_WS": "80",
    "TICKGATE_PORT": "tcp://10.0.0.1:80", "TICKGATE_PORT_80_TCP": "tcp://10.0.0.1:80",
    "TICKGATE_PORT_80_TCP_ADDR": "10.0.0.1", "TICKGATE_PORT_80_TCP_PROTO": "tcp", "TICKGATE_NAME": "/a/tickgate",
    "GATEWAY_SERVICE_HOST": "10.0.0.1", "GATEWAY_SERVICE_PORT": "80", "GATEWAY_PORT_80_TCP_PORT": "80",
    "REDIS_SERVICE_HOST": "10.0.0.1", "REDIS_PORT": "tcp://10.0.0.1:6379", "KUBERNETES_PORT": "tcp://10.0.0.1:443",
    "PORT": "tcp://10.0.0.1:80", "LOGLEVEL": "3", "TICKGATE_CONFIG": "/etc/tickgate.conf",
}  # fmt: skip


def found(reads: frozenset[str] = KNOWN, /, **environ: str) -> dict[str, str]:
    """What is mistaken in an environment."""
    return dict(mistaken(environ, reads, ALL))


def test_an_ordinary_environment_has_no_mistakes() -> None:
    """Nothing is said of what shells, other programs, Kubernetes and Docker set."""
    assert {} == found(KNOWN, **ORDINARY)
    assert {} == found(KNOWN, **dict.fromkeys(ALL, "1"))


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("REDIS_URL", "redis://h", "BUS_URL"),
        ("REDIS_HOST", "h", "BUS_URL"),
        ("REDIS_PORT", "6379", "BUS_URL"),
        ("PORT", "8080", "GATEWAY_PORT"),
        ("HOST", "192.0.2.1", "GATEWAY_HOST"),
        ("HOST", "::1", "GATEWAY_HOST"),
        ("HOST", "localhost", "GATEWAY_HOST"),
        ("LOGLEVEL", "debug", "LOG_LEVEL"),
        ("TICKGATE_SYMBOLS", "BTCUSDT", "SYMBOLS"),
        ("TICKGATE_GATEWAY_PORT", "1", "GATEWAY_PORT"),
        ("TICKGATE_BND", "1", "TICKGATE_BIND"),
        ("TICKGATE_NONSENSE", "1", ""),
        ("GATWAY_PORT", "1", "GATEWAY_PORT"),
        ("GATEWAY_PROT", "1", "GATEWAY_PORT"),
        ("GATEWAYPORT", "1", "GATEWAY_PORT"),
        ("SYMBOL", "BTCUSDT", "SYMBOLS"),
        ("FEEDS", "simulated", "FEED"),
        ("BUSURL", "x", "BUS_URL"),
        ("BUS_URI", "x", "BUS_URL"),
        ("ALLOWED_ORIGIN", "x", "ALLOWED_ORIGINS"),
        ("MAX_CONECTIONS", "x", "MAX_CONNECTIONS"),
        ("JWT_AUDIANCE", "x", "JWT_AUDIENCE"),
        ("LOG_LEVLE", "x", "LOG_LEVEL"),
    ],
)
def test_a_likely_mistake_names_what_was_meant(name: str, value: str, meant: str) -> None:
    """Another program's name, an unknown one of ours and a slip of the pen are found, unless the right one is set."""
    assert {name: meant} == found(KNOWN, **{name: value})
    if meant and not name.startswith("TICKGATE_"):
        assert {} == found(KNOWN, **{name: value, meant: "set"})


def test_each_program_asks_for_what_it_reads() -> None:
    """A poller listens on no port of clients, and a gateway has no feed."""
    assert {} == found(POLLERS, PORT="8080", HOST="192.0.2.1", GATWAY_PORT="1")
    assert {} == found(GATEWAYS, FEEDS="simulated")
    assert {"REDIS_URL": "BUS_URL"} == found(POLLERS, REDIS_URL="x") == found(GATEWAYS, REDIS_URL="x")


def test_a_name_that_is_no_slip_of_the_pen_has_no_neighbour() -> None:
    """A long name, or one that is no variable's, costs no time and means nothing."""
    assert "" == nearest("GATEWAY_PORT" * 100, KNOWN)
    assert "" == nearest("Gateway_port", KNOWN)
    assert "" == nearest("TICKGATE_GATEWAY_17", KNOWN)
    assert {} == found(KNOWN, **{"TICKGATE_" + "X" * 100: "1"})


def test_a_suggestion_ends_an_error() -> None:
    """It names the neighbour if there is one, else where all names are."""
    assert "did you mean GATEWAY_PORT?" == suggestion("GATEWAY_POT", KNOWN)
    assert "did you mean BUS_URL?" == suggestion("REDIS_URL", KNOWN)
    assert "docs/configuration.md lists them" == suggestion("NONSENSE", KNOWN)
