"""Variables into values, or into errors that name them."""

import math
from typing import Any

import pytest

from market.prices.symbols import parse_symbols
from market.settings.environ import Environ, SettingError


def read(kind: str, value: str | None) -> Any:
    """The value of X read as ``kind``, X being set to ``value`` or unset."""
    env = Environ({} if value is None else {"X": value})
    match kind:
        case "integer":
            return env.integer("X", 7, 1, 10_000)
        case "number":
            return env.number("X", 0.5, 0, 10)
        case "from zero up":
            return env.number("X", 0.5, 0, math.inf)
        case "choice":
            return env.choice("X", "red", ("red", "green"))
        case "symbols":
            return env.symbols("X", parse_symbols("BTCUSDT")).names
        case "bus_url":
            return env.bus_url("X", "memory://")
    return env.get("X", "default")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("get", None, "default"),
        ("get", "", ""),
        ("integer", None, 7),
        ("integer", "1", 1),
        ("integer", "10000", 10_000),
        ("number", None, 0.5),
        ("number", "0", 0),
        ("number", "2.5", 2.5),
        ("from zero up", "1e6", 1e6),
        ("choice", None, "red"),
        ("choice", "green", "green"),
        ("choice", "Green", "green"),
        ("choice", " RED ", "red"),
        ("symbols", None, ("BTCUSDT",)),
        ("symbols", "ethusdt", ("ETHUSDT",)),
        ("bus_url", None, "memory://"),
        ("bus_url", "redis://:secret@localhost:1/2", "redis://:secret@localhost:1/2"),
    ],
)
def test_value(kind: str, value: str | None, expected: Any) -> None:
    """A variable that is unset has its default, one that is set its value."""
    assert expected == read(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *[("integer", value) for value in ("", " 1", "0", "10001", "-1", "1.0", "1_0", "٣", "9" * 5000, "x" * 5000)],
        *[("number", value) for value in ("", "x", "-0.1", "10.1", "nan", "inf")],
        *[("from zero up", value) for value in ("-1", "inf", "1e999")],
        *[("choice", value) for value in ("", "re", "blue", "r ed", "line\nbreak")],
        *[("symbols", value) for value in ("", "BTCUSDT,,", "b*")],
        *[("bus_url", value) for value in ("", "localhost", "redis://:secret@host:port/0")],
    ],
)
def test_error(kind: str, value: str) -> None:
    """Any other value, the empty one too, is refused in one short line that begins with the variable's name."""
    with pytest.raises(SettingError) as refusal:
        read(kind, value)
    message = str(refusal.value)
    assert message.startswith("X ")
    assert "\n" not in message
    assert "secret" not in message
    assert len(message) < 200


def test_a_port_that_kubernetes_has_set_is_named_as_that() -> None:
    """A Service called gateway makes Kubernetes set GATEWAY_PORT in every pod."""
    with pytest.raises(SettingError, match=r"must be a whole number.*Kubernetes sets it for a Service of that name"):
        Environ({"GATEWAY_PORT": "tcp://10.0.0.1:80"}).integer("GATEWAY_PORT", 8080, 0, 65_535)


def test_a_password_in_the_url_of_an_exchange_is_not_shown() -> None:
    """It is refused, and the rest of the URL says where."""
    with pytest.raises(SettingError) as refusal:
        Environ({"X": "https://user:sesame@host"}).base_urls("X", (), ("https",))
    assert str(refusal.value).startswith("X 'https://…@host' is not the base")
