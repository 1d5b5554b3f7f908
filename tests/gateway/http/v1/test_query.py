"""The parameters of a request."""

from typing import Any

import msgspec
import pytest
from multidict import MultiDict

from gateway.errors import RefusalError
from gateway.http.v1.query import STREAM, TICKS, for_http, read_query
from gateway.protocol.messages import Subscribe


def read(last_event_id: str | None = None, **parameters: str) -> dict[str, Any]:
    """The subscription that parameters of a stream ask for."""
    told: dict[str, Any] = msgspec.to_builtins(read_query(MultiDict(parameters), STREAM, last_event_id))
    return told


def test_options_mean_what_they_mean_in_subscribe() -> None:
    """Names have commas between them."""
    asked = {"symbols": "BTC, eth,,", "max_hz": "2.5", "conflate": "FALSE", "batch": "1", "numbers": "decimal"}
    expected = {"symbols": ["BTC", "eth"], "max_hz": 2.5, "conflate": False, "batch": True, "numbers": "decimal"}
    told = read(**asked)
    assert expected == {name: told[name] for name in expected}


def test_without_symbols_all_are_meant() -> None:
    """And nobody else's parameters are looked at."""
    assert ["*"] == read_query(MultiDict({"token": "x", "ticket": "y"}), TICKS).symbols


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"symbol": "BTC"}, "there is no parameter 'symbol'; did you mean symbols?"),
        ({"nonsense": "1"}, "there is no parameter 'nonsense'; there are symbols, channel, max_hz, conflate"),
        ({"symbols": ""}, "symbols must be a list of at least one name"),
        ({"max_hz": "fast"}, "max_hz must be a number from 0.1 to 50"),
        ({"max_hz": "nan"}, "max_hz must be a number from 0.1 to 50"),
        ({"max_hz": "51"}, "max_hz must be a number from 0.1 to 50"),
        ({"conflate": "no"}, "conflate must be true or false"),
        ({"numbers": "float"}, 'numbers must be "scaled" or "decimal"'),
        ({"since": "BTC"}, "since must be symbols with the seq"),
        ({"symbols": "A" * 65}, "symbols"),
    ],
)
def test_a_wrong_parameter_is_named(parameters: dict[str, str], problem: str) -> None:
    """With what it should be."""
    with pytest.raises(RefusalError) as refused:
        read(**parameters)
    assert (400, "bad_query") == (refused.value.status, refused.value.code)
    assert str(refused.value).startswith(problem)


def test_a_parameter_comes_once() -> None:
    """Of two, nobody knows which is meant."""
    with pytest.raises(RefusalError, match="max_hz is given twice"):
        read_query(MultiDict([("max_hz", "1"), ("max_hz", "2")]), STREAM)


def test_the_last_event_counts_more_than_the_url() -> None:
    """A browser repeats the URL that it was given first; symbols that only the URL names keep their positions."""
    told = read("BTC:9,coinbase:BTC-USD:4", since="BTC:1,ETH:2", conflate="false")
    assert {"BTC": 9, "ETH": 2, "coinbase:BTC-USD": 4} == told["since"]


def test_where_the_newest_is_all_that_is_wanted_the_last_event_says_nothing() -> None:
    """Also a strange one: a snapshot comes in any case."""
    assert "since" not in read("BTC:9")
    with pytest.raises(RefusalError, match="Last-Event-ID"):
        read("17", conflate="false")


def test_every_parameter_is_an_option_of_subscribe() -> None:
    """The words of both are the same."""
    assert set(STREAM) <= set(Subscribe.__struct_fields__)
    assert set(TICKS) <= set(STREAM)


def test_words_for_commands_become_words_for_requests() -> None:
    """Where to find what there is."""
    assert "unknown; GET /v1/symbols lists what there is" == for_http('unknown; {"type":"symbols"} lists what there is')
