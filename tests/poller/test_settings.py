"""The poller's environment."""

from pathlib import Path

import pytest

from market.settings.config import POLLERS, SECRET_FILES
from market.settings.environ import SettingError
from poller.settings import PollerSettings


def test_defaults() -> None:
    """With nothing set, everything has its documented default."""
    settings = PollerSettings.from_environ({})
    assert PollerSettings() == settings
    assert "redis://127.0.0.1:6379/0" == settings.bus_url
    assert ("BTCUSDT", "ETHUSDT", "SOLUSDT") == settings.symbols.names
    assert ("auto", None) == (settings.feed, settings.replay_path)
    assert ("https://api.binance.com",) == settings.rest_url
    assert ("wss://stream.binance.com:9443",) == settings.ws_url
    assert (100, 1, 1.0) == (settings.sim_ticks_per_s, settings.sim_seed, settings.replay_speed)
    assert ("console", "INFO", 0) == (settings.log_format, settings.log_level, settings.poller_metrics_port)


def test_everything_set(tmp_path: Path) -> None:
    """Every variable arrives in its field."""
    recording = tmp_path / "recording.txt"
    recording.touch()
    settings = PollerSettings.from_environ(
        {
            "BUS_URL": "memory://",
            "SYMBOLS": "bnbusdt",
            "FEED": f"replay:{recording}",
            "BINANCE_REST_URL": "http://127.0.0.1:9000/",
            "BINANCE_WS_URL": "ws://[::1]:9001, wss://h:9443/,ws://[::1]:9001",
            "SIM_TICKS_PER_S": "10000",
            "SIM_SEED": "0",
            "REPLAY_SPEED": "0",
            "LOG_FORMAT": "json",
            "LOG_LEVEL": "DEBUG",
            "POLLER_METRICS_PORT": "9100",
            "PATH": "/bin",
        }
    )
    assert ("memory://", ("BNBUSDT",)) == (settings.bus_url, settings.symbols.names)
    assert ("replay", recording) == (settings.feed, settings.replay_path)
    assert ("http://127.0.0.1:9000",) == settings.rest_url
    # One named twice is tried once a turn.
    assert ("ws://[::1]:9001", "wss://h:9443") == settings.ws_url
    assert (10_000, 0, 0.0) == (settings.sim_ticks_per_s, settings.sim_seed, settings.replay_speed)
    assert ("json", "DEBUG", 9100) == (settings.log_format, settings.log_level, settings.poller_metrics_port)


def test_another_venue() -> None:
    """It has its own variables, feeds and symbols; what is Binance's is not looked at."""
    settings = PollerSettings.from_environ(
        {
            "VENUE": "coinbase",
            "SYMBOLS": "BTCUSDT,coinbase:eth-usd,coinbase:BTC-USD",
            "FEED": "coinbase-ws",
            "COINBASE_REST_URL": "http://127.0.0.1:9000",
            "COINBASE_WS_URL": "ws://127.0.0.1:9001",
            "BINANCE_REST_URL": "nonsense",
        }
    )
    assert ("coinbase:ETH-USD", "coinbase:BTC-USD") == settings.symbols.names
    assert ("coinbase", "coinbase-ws") == (settings.venue.name, settings.feed)
    assert (("http://127.0.0.1:9000",), ("ws://127.0.0.1:9001",)) == (settings.rest_url, settings.ws_url)
    compared = settings.by_variable()
    assert ("coinbase", settings.rest_url) == (compared["VENUE"], compared["COINBASE_REST_URL"])
    assert PollerSettings.rest_url == compared["BINANCE_REST_URL"]
    settings = PollerSettings.from_environ({"VENUE": "coinbase"})
    assert settings.venue.symbols == settings.symbols.names
    assert ("auto", "coinbase-ws") == (settings.feed, settings.live_feed)
    assert ("https://api.exchange.coinbase.com",) == settings.rest_url


def test_each_venue_takes_its_own_symbols() -> None:
    """Every program reads the same list."""
    assert ("BTCUSDT",) == PollerSettings.from_environ({"SYMBOLS": "coinbase:BTC-USD,BTCUSDT"}).symbols.names


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"VENUE": "kraken"}, "VENUE 'kraken' must be one of binance, coinbase"),
        ({"VENUE": ""}, "VENUE '' must be one of binance, coinbase"),
        ({"SYMBOLS": "coinbase:BTC-USD"}, "SYMBOLS names none of binance; add one, like BTCUSDT"),
        (
            {"VENUE": "coinbase", "SYMBOLS": "BTCUSDT"},
            "SYMBOLS names none of coinbase; add one, like coinbase:BTC-USD",
        ),
        (
            {"VENUE": "coinbase", "FEED": "binance-ws"},
            "FEED 'binance-ws' is no feed of coinbase; use auto, coinbase-ws or simulated",
        ),
        (
            {"VENUE": "coinbase", "FEED": "replay:x"},
            "FEED 'replay:x' is no feed of coinbase; use auto, coinbase-ws or simulated",
        ),
        (
            {"FEED": "coinbase-ws"},
            "FEED 'coinbase-ws' is no feed of binance; use auto, binance-ws, binance-rest, simulated or replay:PATH",
        ),
        ({"VENUE": "coinbase", "COINBASE_REST_URL": "x"}, "COINBASE_REST_URL 'x' is not the base of a URL"),
    ],
)
def test_what_does_not_go_together(variables: dict[str, str], says: str) -> None:
    """The message names what does."""
    with pytest.raises(SettingError) as refusal:
        PollerSettings.from_environ(variables)
    assert str(refusal.value).startswith(says)


@pytest.mark.parametrize("feed", ["auto", "binance-ws", "binance-rest", "simulated"])
def test_feeds(feed: str) -> None:
    """Each feed that needs no path is taken by its name."""
    assert feed == PollerSettings.from_environ({"FEED": feed}).feed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            ("BUS_URL", value)
            for value in ("", "localhost:6379", "http://localhost", "redis://localhost/x", "kafka://x?y=1")
        ],
        *[
            ("SYMBOLS", value)
            for value in ("", " ", ",", "BTC*USDT", "B USDT", "BTCUSDT,BTCUSDT", "@/no/such/file", "@")
        ],
        *[
            ("FEED", value)
            for value in ("", "Autos", "binance", "replay", "replay:", "replay:/no/such", "replay:/", "replay:\0")
        ],
        *[
            ("BINANCE_REST_URL", value)
            for value in (
                "",
                "api.binance.com",
                "ftp://api.binance.com",
                "wss://api.binance.com",
                "https://",
                "https://:443",
                "https://h:0",
                "https://h:99999",
                "https://h:x",
                "https://[::1",
                "https://h/api/v3",
                "https://h?x=1",
                "https://h#x",
                "https://user:sesame@h",
                "https://a b",
                "https://a,",
                "https://a,,https://b",
                "https://a,b",
                "https://a;https://b",
            )
        ],
        *[("BINANCE_WS_URL", value) for value in ("", "https://h", "wss://h/ws", "wss://h/stream?streams=x")],
        *[("SIM_TICKS_PER_S", value) for value in ("", "0", "10001", "-5", "1.5", "many")],
        *[("SIM_SEED", value) for value in ("", "-1", "x", "4294967296")],
        *[("REPLAY_SPEED", value) for value in ("", "-1", "fast", "nan", "inf")],
        *[("LOG_FORMAT", value) for value in ("", "J", "xml")],
        *[("LOG_LEVEL", value) for value in ("", "inf", "TRACE")],
        *[("POLLER_METRICS_PORT", value) for value in ("", "-1", "65536", "http")],
    ],
)
def test_bad_value(name: str, value: str) -> None:
    """A value that cannot be used stops the start with one short line that begins with the variable."""
    with pytest.raises(SettingError) as refusal:
        PollerSettings.from_environ({name: value})
    message = str(refusal.value)
    assert message.startswith(f"{name} ")
    assert message.isprintable()
    assert len(message) < 250


def test_proxies_matter_where_there_is_an_exchange() -> None:
    """A proxy is read for feeds that have one; what the others do not use may be anything."""
    proxies = PollerSettings.from_environ({"FEED": "binance-ws", "HTTPS_PROXY": "http://u:sesame@p:1"}).proxies
    assert "http://p:1" == proxies.options("wss://stream.binance.com:9443")["proxy"]
    with pytest.raises(SettingError, match=r"^HTTPS_PROXY "):
        PollerSettings.from_environ({"FEED": "auto", "HTTPS_PROXY": "socks5://p:1"})
    assert {} == PollerSettings.from_environ({"FEED": "simulated", "HTTPS_PROXY": "socks5://p:1"}).proxies.options(
        "https://api.binance.com"
    )


def test_password_is_not_shown() -> None:
    """The settings may be printed without printing a password."""
    variables = {"BUS_URL": "redis://:sesame@localhost/0", "HTTPS_PROXY": "http://u:sesame@p:1"}
    assert "sesame" not in repr(PollerSettings.from_environ(variables))


def test_every_variable_can_be_compared() -> None:
    """Each variable has its place in the table of values, a recording as a part of the feed."""
    assert POLLERS - SECRET_FILES.keys() == set(PollerSettings.from_environ({}).by_variable())


@pytest.mark.parametrize(
    ("variable", "value", "meant"),
    [
        ("FEED", "Simulated", "simulated"),
        ("FEED", "BINANCE-WS", "binance-ws"),
        ("FEED", f"Replay:{__file__}", "replay"),
        ("VENUE", "Coinbase", "coinbase"),
        ("LOG_LEVEL", "warning", "WARNING"),
        ("LOG_FORMAT", "JSON", "json"),
    ],
)
def test_capitals_in_a_value_do_not_matter(variable: str, value: str, meant: str) -> None:
    """A slip of the shift key is understood, and the setting has the value as it is written here."""
    its = PollerSettings.from_environ({variable: value})
    field = getattr(its, variable.lower())
    assert getattr(field, "name", field) == meant
