"""Variables into values, or into errors that name them."""

import math
from pathlib import Path
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
            return env.bus_url("X", "memory://", "X_FILE")
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


def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    """In place of the variable; not beside it."""
    path = tmp_path / "secret"
    path.write_text("sesame\n")
    named = {"X_FILE": str(path)}
    assert "sesame" == Environ(named).secret("X", "X_FILE")
    assert "plain" == Environ({"X": "plain"}).secret("X", "X_FILE")
    assert "" == Environ({}).secret("X", "X_FILE") == Environ({"X": "", "X_FILE": ""}).secret("X", "X_FILE")
    with pytest.raises(SettingError, match=r"^X_FILE and X are both set; unset one"):
        Environ(named | {"X": "sesame"}).secret("X", "X_FILE")
    path.unlink()
    with pytest.raises(SettingError, match=r"^X_FILE .*secret.* cannot be read"):
        Environ(named).secret("X", "X_FILE")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://user@host:1/0", "redis://user@host:1/0?password_file="),
        (
            "redis+sentinel://host:1/primary/0?client_name=x",
            "redis+sentinel://host:1/primary/0?client_name=x&password_file=",
        ),
        ("redis+cluster://host:1,host:2", "redis+cluster://host:1,host:2?password_file="),
        ("rediss://host:1/0", "rediss://host:1/0?password_file="),
    ],
)
def test_the_password_of_a_bus_may_be_in_a_file(tmp_path: Path, url: str, expected: str) -> None:
    """The URL names it: so it is read whenever a connection is made. Its path may have any sign."""
    path = tmp_path / "a &=?#ö file"
    path.write_text("sesame")
    variables = {"X": url, "X_FILE": str(path)}
    value = Environ(variables).bus_url("X", "memory://", "X_FILE")
    assert value.startswith(expected)
    assert value == Environ(variables).store_url("X", "X_FILE")
    assert "sesame" not in value


@pytest.mark.parametrize("url", ["redis://user:word@host:1/0", "redis+cluster://:word@host:1", "memory://"])
def test_a_bus_has_one_password_or_none(tmp_path: Path, url: str) -> None:
    """Two are a mistake, and so is one that nobody asks for."""
    path = tmp_path / "secret"
    path.write_text("sesame")
    with pytest.raises(SettingError, match=r"^X.*(remove one|unset it)") as refused:
        Environ({"X": url, "X_FILE": str(path)}).bus_url("X", "memory://", "X_FILE")
    assert "word@" not in str(refused.value)
