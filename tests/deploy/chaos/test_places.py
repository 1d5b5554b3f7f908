"""Where a process connects to, by its settings."""

import os

import pytest

from deploy.chaos.errors import NotMadeError
from deploy.chaos.network.connections import Place
from deploy.chaos.places import environ_of, held, is_of_this_machine, of_bus, of_exchange

HERE = {"BINANCE_REST_URL": "http://127.0.0.1:7001", "BINANCE_WS_URL": "ws://127.0.0.1:7002"}


def test_the_bus_is_the_one_that_the_process_was_started_with() -> None:
    """Or the one that is named; no password is looked at."""
    assert [Place("127.0.0.1", 6379)] == of_bus([], {})
    assert [Place("10.0.0.1", 7)] == of_bus([], {"BUS_URL": "rediss://user:secret@10.0.0.1:7/2"})
    named = [Place("10.0.0.2", 8)]
    assert named == of_bus(named, {"BUS_URL": "redis://10.0.0.1:7"})


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("unix:///run/valkey.sock", "not that of one server on TCP"),
        ("redis+cluster://10.0.0.1:7,10.0.0.2:7", "name its servers with --bus"),
        ("kafka://10.0.0.1:9092", "name its servers with --bus"),
        ("redis://10.0.0.1:7?nonsense=secret", "the bus is not known"),
    ],
)
def test_a_bus_of_which_not_all_is_known_is_left_alone(url: str, why: str) -> None:
    """Half of it cut off would be another fault."""
    with pytest.raises(NotMadeError, match=why) as error:
        of_bus([], {"BUS_URL": url})
    assert "secret" not in str(error.value)


def test_an_exchange_on_this_machine_is_known_by_its_urls() -> None:
    """Both of them: prices come by REST too."""
    assert [Place("127.0.0.1", 7001), Place("127.0.0.1", 7002)] == of_exchange(HERE, is_of_this_machine)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"FEED": "simulated"}, "from no exchange"),
        ({"BINANCE_WS_URL": "ws://192.0.2.1:7002"}, r"the exchange \(192\.0\.2\.1:7002\) is not on this machine"),
        ({"FEED": "nonsense"}, "the exchange is not known: FEED"),
    ],
)
def test_another_exchange_is_left_alone(changes: dict[str, str], why: str) -> None:
    """One elsewhere counts how often we connect."""
    with pytest.raises(NotMadeError, match=why):
        of_exchange(HERE | changes, is_of_this_machine)


def test_places_that_the_process_does_not_use_are_refused() -> None:
    """They may be somebody else's."""
    with pytest.raises(NotMadeError, match=r"this test has no connection to 192\.0\.2\.1:1; --bus names"):
        held(os.getpid(), [Place("192.0.2.1", 1)], "this test")


def test_settings_of_a_process_that_is_not_there() -> None:
    """They are those that a process was started with."""
    assert environ_of(os.getpid())["PATH"]
    with pytest.raises(NotMadeError, match="cannot be read: No such file"):
        environ_of(2**22 + 1)
