"""The environment, read once and checked."""

import pytest

from gateway.settings import Settings
from market.environ import SettingError


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    """Nothing set: three symbols, loopback, port 8080, a local Redis."""
    settings = Settings.from_environ({})
    assert Settings() == settings
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
            "DRAIN_SECONDS": "0",
            "HEARTBEAT_S": "7",
            "REST_FACTOR": "0",
            "MAX_CONNECTIONS": "1",
            "MAX_SYMBOLS_PER_CONNECTION": "2",
            "MAX_MESSAGE_BYTES": "3",
            "MAX_ERRORS_PER_CONNECTION": "4",
            "LOG_FORMAT": "json",
            "LOG_LEVEL": "ERROR",
        }
    )
    assert ("memory://", ("XRPUSDT",), "127.0.0.2", 9000) == (
        settings.bus_url,
        settings.symbols.names,
        settings.host,
        settings.port,
    )
    assert (1.5, 0, 7, 0) == (
        settings.lag_timeout_s,
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
    assert ("json", "ERROR") == (settings.log_format, settings.log_level)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BUS_URL", "kafka://there"),
        ("BUS_URL", ""),
        ("BUS_URL", "redis://host:port/0"),
        ("SYMBOLS", ""),
        ("SYMBOLS", "BTCUSDT,,ETHUSDT"),
        ("SYMBOLS", "BTC/USDT"),
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
    ],
)
def test_a_bad_value_names_its_variable(name: str, value: str) -> None:
    """The error is one line that begins with the variable."""
    with pytest.raises(SettingError) as caught:
        Settings.from_environ({name: value})
    message = str(caught.value)
    assert message.startswith(f"{name} ")
    assert "\n" not in message
