"""The settings of a poller that can change while it runs."""

import logging
from pathlib import Path

import pytest

from poller.reload import announce, effective
from poller.settings import PollerSettings


def read(**variables: str) -> PollerSettings:
    """Read settings from these variables."""
    return PollerSettings.from_environ(variables)


def test_only_symbols_and_the_level_of_the_log_change() -> None:
    """All other settings stay as they were."""
    before = read()
    wanted = read(
        SYMBOLS="XRPUSDT",
        LOG_LEVEL="DEBUG",
        LOG_LEVELS="redis=info",
        FEED="simulated",
        SIM_SEED="5",
        BUS_URL="memory://",
    )
    after = effective(before, wanted)
    assert (("XRPUSDT",), "DEBUG", (("redis", "INFO"),)) == (after.symbols.names, after.log_level, after.log_levels)
    assert ("auto", 1, before.bus_url) == (after.feed, after.sim_seed, after.bus_url)


def test_the_same_symbols_are_no_change() -> None:
    """Equal new symbols are replaced by the object in use."""
    before = read(SYMBOLS="BTCUSDT,ETHUSDT")
    assert before.symbols is effective(before, read(SYMBOLS="btcusdt,ETHUSDT")).symbols


def test_what_cannot_change_is_named_without_its_value(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Bus and feed may hold a password or a path; their names are enough."""
    logging.getLogger().setLevel("INFO")
    (recording := tmp_path / "sesame").touch()
    before = read()
    wanted = read(SYMBOLS="BTCUSDT", BUS_URL="redis://:sesame@host:1/0", FEED=f"replay:{recording}")
    announce(before, effective(before, wanted), wanted)
    changed, refused = (record.message for record in caplog.records)
    assert changed.endswith("SYMBOLS -ETHUSDT,SOLUSDT")
    assert {"BUS_URL", "FEED"} == set(refused.rpartition(": ")[2].split(", "))
    assert "sesame" not in caplog.text
