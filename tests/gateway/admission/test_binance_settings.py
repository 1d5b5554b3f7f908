"""The settings for clients of Binance."""

import pytest

from gateway.admission.binance_settings import BinanceSettings
from gateway.admission.origin import Authority
from gateway.settings import Settings
from market.settings.environ import SettingError


def test_without_settings_there_is_only_the_prefix() -> None:
    """And stale prices end connections."""
    settings = BinanceSettings()
    assert "close" == settings.stale
    assert not settings.names("stream.example.com")


def test_names_may_have_a_port_or_be_for_any() -> None:
    """They are compared as names are."""
    settings = Settings.from_environ({"BINANCE_COMPAT_HOSTS": "stream.example.com, api.example.com:9443"}).binance
    for host, expected in (
        ("Stream.Example.com", True),
        ("stream.example.com:9443", True),
        ("api.example.com:9443", True),
        ("api.example.com", False),
        ("example.com", False),
        ("", False),
        ("%%", False),
    ):
        assert expected == settings.names(host), host


def test_they_are_names_of_the_gateway_too() -> None:
    """Nobody has to name them twice."""
    told = {"BINANCE_COMPAT_HOSTS": "stream.example.com"}
    hosts = Settings.from_environ(told).allowed_hosts
    assert hosts.allows("stream.example.com")
    assert hosts.allows("127.0.0.1:8080")
    assert not hosts.allows("other.example.com")
    public = {"GATEWAY_HOST": "0.0.0.0", "ALLOW_ANONYMOUS": "1"}  # noqa: S104 # nothing listens
    assert Settings.from_environ(told | public).allowed_hosts.allows("other.example.com")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("BINANCE_COMPAT_HOSTS", "https://stream.example.com"), ("BINANCE_COMPAT_STALE", "perhaps")],
)
def test_what_cannot_be_used_is_named(variable: str, value: str) -> None:
    """With the variable, and what it should be."""
    with pytest.raises(SettingError, match=variable):
        Settings.from_environ({variable: value})


def test_names_can_be_compared() -> None:
    """For settings that are read again."""
    both = BinanceSettings(hosts=frozenset({Authority("a", None)}))
    assert both == Settings.from_environ({"BINANCE_COMPAT_HOSTS": "A"}).binance
